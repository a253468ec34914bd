#include "tests/sim/messages_story.h"

#include "cluster/hint_delivery.h"
#include "tests/sim/check_replicas.h"
#include "tests/sim/node.h"

namespace cartwheel::sim {
namespace {

std::string Text(const cluster::Replicate& copy) {
  std::string text = copy.id == cluster::RequestId{} ? "repair "
                     : cluster::HintDelivery::IsDelivery(copy.id)
                         ? "hint "
                         : "copy #" + std::to_string(static_cast<uint64_t>(copy.id)) + " ";
  if (copy.hint_for != cluster::kNoNode) {
    text += "for node " + std::to_string(HostOf(copy.hint_for)) + " ";
  }
  return text + Describe(copy.container);
}

std::string Text(cluster::Refusal refusal) {
  if (refusal == cluster::Refusal::kNone) return "";
  return " refused, reason " + std::to_string(static_cast<int>(refusal));
}

}  // namespace

void MessagesStory::Note(int64_t now_us, Host from, Host to, const cluster::Message& message) {
  std::string key;
  std::string text;
  const auto asks = [&](Asked kind, uint64_t number, std::string_view about) {
    key = about;
    keys_[{kind, from, to, number}] = key;
  };
  const auto answers = [&](Asked kind, uint64_t number) {
    const auto found = keys_.find({kind, to, from, number});
    if (found != keys_.end()) key = found->second;
  };
  if (const auto* copy = std::get_if<cluster::Replicate>(&message)) {
    asks(Asked::kCopy, static_cast<uint64_t>(copy->id), copy->ref.key);
    text = Text(*copy);
  } else if (const auto* reply = std::get_if<cluster::ReplicateReply>(&message)) {
    answers(Asked::kCopy, static_cast<uint64_t>(reply->id));
    text = "answer to the copy" + Text(reply->refusal);
  } else if (const auto* read = std::get_if<cluster::Read>(&message)) {
    asks(Asked::kRead, static_cast<uint64_t>(read->id), read->ref.key);
    text = "read #" + std::to_string(static_cast<uint64_t>(read->id));
  } else if (const auto* has = std::get_if<cluster::ReadReply>(&message)) {
    answers(Asked::kRead, static_cast<uint64_t>(has->id));
    text = "answer to read #" + std::to_string(static_cast<uint64_t>(has->id)) +
           (has->complete ? "" : " (rebuilding)") + Text(has->refusal) + ": " +
           (has->as_known    ? "the same as the asker's"
            : has->container ? Describe(*has->container)
                             : "no record");
  } else if (const auto* forward = std::get_if<cluster::Forward>(&message)) {
    asks(Asked::kForward, forward->sequence,
         forward->arguments.size() > 1 ? forward->arguments[1] : "");
    text = "forward #" + std::to_string(forward->sequence) + " " +
           std::string(forward->arguments.front());
  } else if (const auto* done = std::get_if<cluster::ForwardReply>(&message)) {
    answers(Asked::kForward, done->sequence);
    text = "answer to forward #" + std::to_string(done->sequence) + ": " +
           std::string(done->reply.substr(0, done->reply.find('\r')));
  } else {
    return;
  }
  lines_[key].emplace_back(
      now_us, "  node " + std::to_string(from) + " to node " + std::to_string(to) + ": " + text);
}

std::vector<std::pair<int64_t, std::string>> MessagesStory::About(const std::string& key) const {
  const auto found = lines_.find(key);
  if (found == lines_.end()) return {};
  return found->second;
}

}  // namespace cartwheel::sim
