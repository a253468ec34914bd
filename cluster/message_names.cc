#include "cluster/message_fields.h"

namespace cartwheel::cluster {

std::string_view NameOf(MessageType type) {
  switch (type) {
    case MessageType::kHello: return "Hello";
    case MessageType::kReplicate: return "Replicate";
    case MessageType::kReplicateReply: return "ReplicateReply";
    case MessageType::kRead: return "Read";
    case MessageType::kReadReply: return "ReadReply";
    case MessageType::kForward: return "Forward";
    case MessageType::kForwardReply: return "ForwardReply";
    case MessageType::kPing: return "Ping";
    case MessageType::kPong: return "Pong";
    case MessageType::kTellReceived: return "TellReceived";
    case MessageType::kListKeys: return "ListKeys";
    case MessageType::kKeyList: return "KeyList";
    case MessageType::kPublished: return "Published";
    case MessageType::kMemberNews: return "MemberNews";
    case MessageType::kRegisterTalk: return "RegisterTalk";
    case MessageType::kJoinTalk: return "JoinTalk";
    case MessageType::kProof: return "Proof";
    case MessageType::kSwimTalk: return "SwimTalk";
    case MessageType::kAskReceived: return "AskReceived";
    case MessageType::kReceivedReply: return "ReceivedReply";
    case MessageType::kFetch: return "Fetch";
    case MessageType::kFetched: return "Fetched";
    case MessageType::kAskWord: return "AskWord";
    case MessageType::kAskTree: return "AskTree";
    case MessageType::kTreeReply: return "TreeReply";
    case MessageType::kAskKeys: return "AskKeys";
    case MessageType::kKeysReply: return "KeysReply";
    case MessageType::kSwap: return "Swap";
    case MessageType::kSwapped: return "Swapped";
    case MessageType::kAskRoots: return "AskRoots";
    case MessageType::kRootsReply: return "RootsReply";
    case MessageType::kEvictRequest: return "EvictRequest";
    case MessageType::kEvict: return "Evict";
    case MessageType::kUsed: return "Used";
    case MessageType::kSameRoots: return "SameRoots";
    case MessageType::kOtherRoots: return "OtherRoots";
    case MessageType::kAskDigests: return "AskDigests";
    case MessageType::kDigests: return "Digests";
    case MessageType::kAskFormer: return "AskFormer";
    case MessageType::kFormerReply: return "FormerReply";
  }
  return "unknown message";
}

}  // namespace cartwheel::cluster
