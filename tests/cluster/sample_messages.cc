#include "tests/cluster/sample_messages.h"

#include <cstdlib>
#include <string_view>

#include "cluster/message_codec.h"
#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

Container AContainer() {
  Container container = RandomContainers(3, 30).states().back();
  container.own_contiguous = false;
  return container;
}

Seen ASeen() {
  return SeenOf(AContainer());
}

ReceivedDots SomeReceived() {
  ReceivedDots received;
  received.RaiseBase(ActorId{7}, 12);
  for (const uint64_t number : {1, 5, 6}) received.Add({ActorId{9}, number});
  return received;
}

std::vector<WriteRange> SomeWrites() {
  return {{.partition = 3, .actor = ActorId{7}, .first = 1, .last = 1},
          {.partition = 3, .actor = ActorId{8}, .first = 5, .last = kMaxDotNumber},
          {.partition = kPartitions - 1, .actor = ActorId{2}, .first = 300, .last = 1000}};
}

}  // namespace

std::vector<Message> SampleMessages() {
  return {
      Hello{.cluster_id = 7,
            .node = NodeId{9},
            .boot_nonce = 8,
            .epoch = 3,
            .capabilities = 5,
            .client_port = 6379,
            .client_host = "db1"},
      Replicate{.id = RequestId{1},
                .ref = {3, "key"},
                .epoch = 300,
                .target = ActorId{77},
                .hint_for = NodeId{6},
                .wants_durable = true,
                .dots = {{ActorId{4}, 1000}, {ActorId{5}, 1}},
                .container = AContainer()},
      Replicate{.ref = {0, ""}, .dots = {}, .container = {}},
      ReplicateReply{RequestId{2}, Refusal::kFull, true, ActorId{5}},
      ReplicateReply{RequestId{2}, Refusal::kNone, false, ActorId{}},
      Read{RequestId{3}, {15, std::string_view("k\0y", 3)}, 0, {{ActorId{1}, kMaxDotNumber}}, {}},
      Read{RequestId{3}, {0, "k"}, 1, {}, ContainerDigest{.low = 3, .high = 4}},
      ReadReply{.id = RequestId{4},
                .complete = true,
                .actor = ActorId{5},
                .received = {{ActorId{1}, 9}},
                .container = AContainer()},
      ReadReply{.id = RequestId{4}, .actor = ActorId{5}, .container = Container{}},
      ReadReply{.id = RequestId{4}, .complete = true, .actor = ActorId{5}, .as_known = true},
      ReadReply{.id = RequestId{4}, .refusal = Refusal::kFailed},
      Forward{.sequence = 12,
              .database = 2,
              .resp = 3,
              .levels = {.n = 5, .r = 1, .w = 5, .pr = 0, .pw = 2, .dw = 1},
              .session = ASeen(),
              .arguments = {"SET", "key", "", "EX", "10"}},
      ForwardReply{12, "+OK\r\n", ASeen(), SomeWrites()},
      ForwardReply{12, "", {}, {}},
      Ping{123},
      Pong{uint64_t{1} << 63},
      TellReceived{{{.partition = 3, .epoch = 6, .told = {ActorId{7}, 12, false, SomeReceived()}},
                    {.partition = kPartitions - 1, .told = {ActorId{8}, 0, true, {}}}}},
      ListKeys{.id = RequestId{5}, .database = 4, .from = 7, .until = kEndPlace, .count = 300},
      KeyList{
          .id = RequestId{5}, .complete = true, .database_keys = 9, .next = 8, .keys = {"", "k"}},
      AskReceived{.id = RequestId{8}, .writes = SomeWrites()},
      AskReceived{.id = RequestId{9}, .writes = {}},
      ReceivedReply{.id = RequestId{8}, .held = {0, 3, kPartitions - 1}},
      ReceivedReply{.id = RequestId{9}, .held = {}},
      Published{.shard = true, .channel = "news", .message = std::string_view("a\0b", 3)},
      Published{.shard = false, .channel = "", .message = ""},
      MemberNews{.epoch = 7, .holds_keys = true},
      MemberNews{.epoch = 7,
                 .drained = true,
                 .keys = 5,
                 .bytes = 1'000'000,
                 .arrived = {0, 7, kPartitions - 1},
                 .trouble = "its disk is full"},
      Fetch{.id = RequestId{5},
            .partition = 9,
            .epoch = 4,
            .max_bytes = 1 << 20,
            .after = std::string_view("a\0b", 3),
            .known = SomeReceived()},
      Fetched{.id = RequestId{5},
              .last = true,
              .word = {ActorId{7}, 12, false, SomeReceived()},
              .next = "k2",
              .items = {{.ref = {3, "k1"}, .container = AContainer()},
                        {.ref = {0, ""}, .container = Container{}}}},
      Fetched{.id = RequestId{6}, .refusal = Refusal::kStale},
      AskWord{.id = RequestId{7}, .partition = 1, .epoch = 5},
      AskTree{.id = RequestId{1},
              .partition = 3,
              .epoch = 4,
              .actor = ActorId{8},
              .leaves = 64,
              .root = 9,
              .branches = {}},
      AskTree{.id = RequestId{1},
              .partition = 3,
              .epoch = 4,
              .leaves = kMostLeaves,
              .root = 9,
              .branches = {0, 5, 127}},
      TreeReply{.id = RequestId{1}, .refusal = Refusal::kRebuilding},
      TreeReply{.id = RequestId{1},
                .actor = ActorId{~uint64_t{0}},
                .leaves = 4096,
                .digests = {1, ~uint64_t{0}}},
      AskKeys{
          .id = RequestId{1}, .partition = 3, .epoch = 4, .leaves = 1024, .numbers = {1, 2, 1023}},
      AskKeys{.id = RequestId{1}, .partition = 3, .epoch = 4, .leaves = 64, .equal = true},
      KeysReply{.id = RequestId{1}, .keys = {{1, 2}, {3, 4}}},
      KeysReply{.id = RequestId{1}, .refusal = Refusal::kBusy},
      Swap{.id = RequestId{1},
           .partition = 3,
           .epoch = 4,
           .wanted = {5, 6},
           .items = {{.ref = {3, "k1"}, .container = AContainer()}}},
      Swapped{.id = RequestId{1}, .items = {{.ref = {3, "k1"}, .container = AContainer()}}},
      Swapped{.id = RequestId{1}, .refusal = Refusal::kFull},
      AskRoots{.id = RequestId{1}},
      RootsReply{.id = RequestId{1}, .roots = {{3, 4, 5}, {kPartitions - 1, 1, 2}}},
      EvictRequest{.id = RequestId{1}, .partition = 3, .epoch = 4, .bytes = 4096},
      Evict{.id = RequestId{1},
            .partition = 3,
            .epoch = 4,
            .items = {{.ref = {3, "k1"}, .dots = {{ActorId{5}, 6}, {ActorId{7}, 8}}},
                      {.ref = {0, "k2"}, .dots = {{ActorId{5}, 9}}}}},
      Evict{.partition = kPartitions - 1, .epoch = 1},
      Used{.keys = {{1, 2}, {~uint64_t{0}, 255}}},
      SameRoots{.id = RequestId{1}, .roots = {{3, 4, 5}, {kPartitions - 1, 1, 2}}},
      OtherRoots{.id = RequestId{1}, .partitions = {3, kPartitions - 1}, .not_yet = {7}},
      OtherRoots{.id = RequestId{2}, .partitions = {}, .not_yet = {}},
      AskDigests{.id = RequestId{1}, .partition = 2, .epoch = 3, .leaves = 64, .numbers = {}},
      AskDigests{.id = RequestId{1}, .partition = 2, .epoch = 3, .leaves = 128, .numbers = {5, 9}},
      Digests{.id = RequestId{1}, .leaves = {1, 2, 3}, .keys = {{{2, "key"}, 7}}},
      Digests{.id = RequestId{1}, .refusal = Refusal::kBusy, .leaves = {}, .keys = {}},
      AskFormer{.id = RequestId{3}, .actors = {{2, 7, ActorId{5}}, {2, 7, ActorId{6}}}},
      AskFormer{.id = RequestId{3}, .actors = {}},
      FormerReply{.id = RequestId{3}, .kept = {0, kPartitions - 1}},
      FormerReply{.id = RequestId{4}, .kept = {}},
      RegisterTalk{.bytes = "of the register"},
      JoinTalk{.bytes = std::string_view("a\0b", 3)},
      SwimTalk{.bytes = std::string_view("s\0t", 3)},
      Proof{.mac = {0, 1, 255}},
      KeyList{
          .id = RequestId{6}, .complete = false, .database_keys = 0, .next = kEndPlace, .keys = {}},
  };
}

std::string Encoded(const Message& message) {
  std::string out;
  std::visit(
      [&out](const auto& alternative) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(alternative)>, UnknownMessage>) {
          if (!AppendFrame(alternative, out)) std::abort();
        }
      },
      message);
  return out;
}

}  // namespace cartwheel::cluster
