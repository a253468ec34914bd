// INFO's section Persistence: how the engine keeps what it is given.
//
// Redis's fields stand where they mean the same: a flush of the log's changes to the data file is
// its background save and its rewriting of the append-only file in one.
#pragma once

#include "server/info_text.h"
#include "server/now.h"

namespace cartwheel::server {

class Server;

void AddPersistenceInfo(Server& server, Now now, InfoText& text);

}  // namespace cartwheel::server
