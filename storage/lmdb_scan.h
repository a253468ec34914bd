// A walk through every page of an LMDB file that is in use.
#pragma once

#include <span>

#include <lmdb.h>

namespace cartwheel::storage {

// Whether all pages of the free list, the main database and the named ones are what they should be:
// tree pages as LMDB checks them, and large values on pages marked as such. Reads the whole file.
bool IsWhole(MDB_env* env, std::span<const char* const> names);

}  // namespace cartwheel::storage
