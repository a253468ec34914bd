// INFO [section ...].
#include "server/info.h"

#include "server/handlers.h"
#include "server/server.h"

namespace cartwheel::server {

void Info(CommandContext& context) {
  const Args sections = context.args.subspan(1);
  context.reply.Verbatim(BuildInfo(context.server, sections, context.now), "txt");
}

}  // namespace cartwheel::server
