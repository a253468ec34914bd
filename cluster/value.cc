#include "cluster/value.h"

#include <utility>

namespace cartwheel::cluster {

Change Change::Put(std::string_view borrowed, ExpireAt expire_at, Type type) {
  Change change;
  change.kind_ = Kind::kPut;
  change.type_ = type;
  change.expire_at_ = expire_at;
  change.borrowed_ = borrowed;
  return change;
}

Change Change::PutOwned(std::string bytes, ExpireAt expire_at, Type type) {
  Change change;
  change.kind_ = Kind::kPut;
  change.type_ = type;
  change.owns_ = true;
  change.expire_at_ = expire_at;
  change.owned_ = std::move(bytes);
  return change;
}

Change Change::Delete() {
  Change change;
  change.kind_ = Kind::kDelete;
  return change;
}

Change Change::Expire(ExpireAt expire_at) {
  Change change;
  change.kind_ = Kind::kExpire;
  change.expire_at_ = expire_at;
  return change;
}

Change Change::Add(int64_t delta) {
  Change change;
  change.kind_ = Kind::kAdd;
  change.delta_ = delta;
  return change;
}

}  // namespace cartwheel::cluster
