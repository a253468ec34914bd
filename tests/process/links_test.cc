// Nodes that find each other over real connections, and whom they refuse.
#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/frame.h"
#include "cluster/link_proof.h"
#include "cluster/message.h"
#include "cluster/message_codec.h"
#include "server/cluster_config.h"
#include "tests/process/client.h"
#include "tests/process/server_cluster.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using cluster::NodeId;
using testing::HasSubstr;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// How often the server said that it is linked with the node.
size_t Linked(ServerProcess& server, int id) {
  const std::string log = server.log();
  size_t count = 0;
  for (size_t at = 0; (at = log.find("node " + std::to_string(id) + " (", at)) != std::string::npos;
       ++at) {
    if (log.substr(at, log.find('\n', at) - at).ends_with(") is linked")) ++count;
  }
  return count;
}

bool Says(ServerProcess& server, const std::string& text) {
  return Eventually([&] { return server.log().find(text) != std::string::npos; });
}

TEST(Links, ThreeNodesFindEachOtherInAnyOrder) {
  ServerCluster cluster(3);
  for (const int id : {3, 1, 2}) cluster.Start(id);
  EXPECT_THAT(cluster.at(1).log(),
              HasSubstr("this is node 1 (" + cluster.address(1) + ") of 3 in the cluster"));
  for (const int id : {1, 2, 3}) {
    for (const int other : {1, 2, 3}) {
      if (other == id) continue;
      ASSERT_TRUE(Eventually([&] { return Linked(cluster.at(id), other) == 1; }))
          << cluster.at(id).log();
    }
  }
  EXPECT_EQ(cluster.Connect(3).Call({"PING"}), "PONG");
  for (const int id : {1, 2, 3}) EXPECT_EQ(cluster.Stop(id), 0);
}

TEST(Links, ANodeThatWasKilledIsFoundAgain) {
  ServerCluster cluster(2);
  cluster.StartAll();
  ServerProcess& first = cluster.at(1);
  ServerProcess& second = cluster.at(2);
  ASSERT_TRUE(Eventually([&] { return Linked(first, 2) == 1 && Linked(second, 1) == 1; }));
  for (size_t round = 1; round <= 3; ++round) {
    second.Kill();
    ASSERT_TRUE(Eventually([&] { return Count(first.log(), "is not linked any more") == round; }))
        << first.log();
    second.Start();
    ASSERT_TRUE(Eventually([&] { return Linked(first, 2) == round + 1 && Linked(second, 1) == 1; }))
        << first.log() << second.log();
  }
  EXPECT_EQ(Count(first.log(), "runs twice"), 0) << first.log();
}

TEST(Links, AnotherClusterIsRefusedWithOneLine) {
  ServerCluster cluster(1);
  cluster.Start(1);
  ServerProcess& server = cluster.at(1);
  ServerProcess foreign({"--cluster-nodes",
                         "1=" + cluster.address(1) + " 2=127.0.0.1:" + std::to_string(FreePort()),
                         "--cluster-self", "2", "--cluster-name", "other"});
  ASSERT_TRUE(Says(server,
                   "cluster connection from 127.0.0.1 refused: node 2 is of another "
                   "cluster, its cluster-name differs from ours"));
  ASSERT_TRUE(Says(foreign, "cannot be linked yet: node 1 is of another cluster"));
  // It tries again all the time.
  EXPECT_FALSE(Eventually([&] { return Count(server.log(), "refused") > 1; },
                          std::chrono::milliseconds(1000)));
  EXPECT_EQ(Count(foreign.log(), "cannot be linked"), 1) << foreign.log();
}

TEST(Links, GarbageClosesItsConnectionAndNothingElse) {
  ServerCluster cluster(2);
  cluster.StartAll();
  ServerProcess& first = cluster.at(1);
  ServerProcess& second = cluster.at(2);
  ASSERT_TRUE(Eventually([&] { return Linked(first, 2) == 1 && Linked(second, 1) == 1; }));
  for (const std::string garbage : {"GET / HTTP/1.1\r\n\r\n", "*1\r\n$4\r\nPING\r\n"}) {
    BareSocket stranger(cluster.cluster_port(1));
    ASSERT_TRUE(stranger.Send(garbage));
    EXPECT_EQ(stranger.ReadAll(), "");
  }
  EXPECT_THAT(first.log(), HasSubstr("refused: it sent a frame of 542393680 bytes, over the "));
  EXPECT_EQ(Count(first.log(), "is not linked any more"), 0);
  EXPECT_EQ(Count(second.log(), "is not linked any more"), 0);
}

TEST(Links, WhoSaysNothingIsClosed) {
  ServerCluster cluster(1);
  cluster.Start(1);
  BareSocket stranger(cluster.cluster_port(1));
  EXPECT_EQ(stranger.ReadAll(), "");
  EXPECT_TRUE(Says(cluster.at(1), "refused: it did not say Hello in time"));
}

TEST(Links, APortInUseAndANodeThatIsNotThereAreNamed) {
  ServerCluster cluster(2);
  cluster.Start(1);
  EXPECT_TRUE(Says(cluster.at(1),
                   "node 2 (" + cluster.address(2) + ") cannot be linked yet: connection refused"));
  const TemporaryDirectory directory;
  std::vector<std::string> options = cluster.OptionsOf(1);
  options.insert(options.end(),
                 {"--port", std::to_string(FreePort()), "--dir", directory / "data"});
  const FailedStart start = RunToEnd(options);
  EXPECT_EQ(start.exit_code, 1);
  EXPECT_THAT(start.errors, HasSubstr("cannot listen for the cluster on " + cluster.address(1) +
                                      ": address already in use"));
}

TEST(Links, ANameIsWaitedForAndABadListIsRefused) {
  ServerProcess server(
      {"--cluster-nodes",
       "1=127.0.0.1:" + std::to_string(FreePort()) + " 2=no-such-host.invalid:7000",
       "--cluster-self", "1"});
  EXPECT_TRUE(Says(server,
                   "node 2 (no-such-host.invalid:7000) cannot be linked yet: cannot look "
                   "up its name"));
  EXPECT_THAT(RunToEnd({"--check-config", "--cluster-nodes", "1=a:1"}).errors,
              HasSubstr("cluster-self: say which"));
}

TEST(Links, WhoHasAnotherSecretIsRefusedByBoth) {
  ServerCluster cluster(2);
  cluster.Start(1, {"--cluster-secret", "of this test alone"});
  cluster.Start(2, {"--cluster-secret", "of this test alone."});
  ServerProcess& first = cluster.at(1);
  ServerProcess& second = cluster.at(2);
  const auto differs = [&cluster](int id) {
    const std::string name = "node " + std::to_string(id);
    return name + " (" + cluster.address(id) + ") cannot be linked yet: the cluster-secret of " +
           name + " differs from ours";
  };
  ASSERT_TRUE(Says(first, differs(2))) << first.log();
  ASSERT_TRUE(Says(second, differs(1))) << second.log();
  const std::string refused =
      "cluster connection from 127.0.0.1 refused: the other end closed the connection before it "
      "proved that its cluster-secret is ours, which may differ";
  for (ServerProcess* server : {&first, &second}) ASSERT_TRUE(Says(*server, refused));
  // They try again all the time, and never count each other as linked.
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  for (ServerProcess* server : {&first, &second}) {
    EXPECT_EQ(Count(server->log(), "cannot be linked yet: the cluster-secret"), 1);
    EXPECT_EQ(Count(server->log(), refused), 1);
    EXPECT_EQ(Count(server->log(), "is linked"), 0) << server->log();
    EXPECT_EQ(Count(server->log(), "is not linked any more"), 0) << server->log();
  }
  EXPECT_THAT(cluster.Connect(1).Call({"DYN.QUORUM", "W", "2", "SET", "k", "v"}),
              testing::StartsWith("-"));

  // With the right one it is let in.
  EXPECT_EQ(cluster.Stop(2), 0);
  cluster.Start(2, {"--cluster-secret", "of this test alone"});
  EXPECT_TRUE(Eventually([&] { return Linked(first, 2) == 1 && Linked(second, 1) == 1; }))
      << second.log();
}

template <typename T>
std::string FrameOf(const T& message) {
  std::string frame;
  cluster::AppendFrame(message, frame);
  return frame;
}

// Node 2, played by the test: it dials and speaks as a node does.
class FakeCaller {
 public:
  FakeCaller(const ServerCluster& cluster, uint64_t boot_nonce, const std::string& secret = "")
      : port_(cluster.cluster_port(1)),
        key_(server::LinkKeyOf(secret)),
        hello_(FrameOf(cluster::Hello{.cluster_id = server::ClusterIdOf("cartwheel"),
                                      .node = NodeId{2},
                                      .boot_nonce = boot_nonce})) {}

  // Our connection to the server, and its answer to our Hello.
  std::pair<std::unique_ptr<BareSocket>, std::string> SayHello() const {
    auto dialled = std::make_unique<BareSocket>(port_);
    EXPECT_TRUE(dialled->Send(hello_));
    std::string answer = dialled->Read(hello_.size() + kProofBytes);
    EXPECT_EQ(answer.size(), hello_.size() + kProofBytes);
    return {std::move(dialled), std::move(answer)};
  }
  // What we prove to the server, which has answered so.
  std::string ProofTo(const std::string& answer) const {
    return Prove(cluster::LinkEnd::kDialler, hello_, answer);
  }
  // Our connection to the server, to be spoken on.
  std::unique_ptr<BareSocket> Dial() const {
    auto [dialled, answer] = SayHello();
    EXPECT_TRUE(dialled->Send(ProofTo(answer)));
    return std::move(dialled);
  }

 protected:
  static constexpr size_t kProofBytes = cluster::kFrameHead + sizeof(cluster::Mac);

  const std::string& hello() const { return hello_; }
  // Hellos: frames, the first ones of what is given.
  std::string Prove(cluster::LinkEnd prover, const std::string& diallers,
                    const std::string& acceptors) const {
    const auto payload = [](std::string_view frames) {
      const auto first = cluster::PeekFrame(frames);
      return first ? first->payload : std::string_view();
    };
    return FrameOf(
        cluster::Proof{cluster::LinkProof(key_, prover, payload(diallers), payload(acceptors))});
  }

 private:
  int port_;
  cluster::Mac key_;
  std::string hello_;
};

// It listens as well.
class FakeNode : public FakeCaller {
 public:
  FakeNode(const ServerCluster& cluster, uint64_t boot_nonce) : FakeCaller(cluster, boot_nonce) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(cluster.cluster_port(2)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval timeout{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(listener_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
  }
  ~FakeNode() {
    close(listener_);
    if (accepted_ >= 0) close(accepted_);
  }
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;

  // The server's connection to us; shakes hands on it.
  void Accept() {
    accepted_ = accept(listener_, nullptr, nullptr);
    ASSERT_GE(accepted_, 0);
    const timeval timeout{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(accepted_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    const std::string dialled = ReadAccepted(hello().size());
    const std::string answer = hello() + Prove(cluster::LinkEnd::kAcceptor, dialled, hello());
    EXPECT_EQ(send(accepted_, answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
    const std::string proof = ReadAccepted(kProofBytes);
    EXPECT_TRUE(proof == Prove(cluster::LinkEnd::kDialler, dialled, hello()));
  }
  // The nonce of the next one that comes; nullopt: nothing does any more.
  std::optional<uint64_t> NextPong() {
    for (;;) {
      cluster::FrameReader reader;
      const std::string_view rest = std::string_view(heard_).substr(heard_to_);
      if (reader.Parse(rest) == cluster::FrameReader::Status::kComplete) {
        const auto message = cluster::DecodeMessage(reader.frame());
        heard_to_ += reader.consumed();
        if (!message) return std::nullopt;
        if (const auto* pong = std::get_if<cluster::Pong>(&*message)) return pong->nonce;
        continue;
      }
      heard_.erase(0, std::exchange(heard_to_, 0));
      char bytes[64 << 10];
      const ssize_t more = recv(accepted_, bytes, sizeof(bytes), 0);
      if (more <= 0) return std::nullopt;
      heard_.append(bytes, static_cast<size_t>(more));
    }
  }
  std::string ReadAccepted(size_t bytes) const {
    std::string all(bytes, '\0');
    size_t got = 0;
    while (got < bytes) {
      const ssize_t more = recv(accepted_, all.data() + got, bytes - got, 0);
      if (more <= 0) break;
      got += static_cast<size_t>(more);
    }
    return all.substr(0, got);
  }

 private:
  int listener_ = -1;
  int accepted_ = -1;
  std::string heard_;
  size_t heard_to_ = 0;  // of it
};

std::string Pings(uint64_t from, uint64_t count) {
  std::string frames;
  for (uint64_t i = 0; i < count; ++i) cluster::AppendFrame(cluster::Ping{from + i}, frames);
  return frames;
}

TEST(Links, WhoDoesNotKnowTheSecretIsNotListenedTo) {
  ServerCluster cluster(2);
  cluster.Start(1, {"--cluster-secret", "of this test alone"});
  ServerProcess& server = cluster.at(1);
  const std::string refused =
      "cluster connection from 127.0.0.1 refused: the cluster-secret of node 2 differs from ours";
  const FakeCaller stranger(cluster, 7, "a guess");
  const FakeCaller member(cluster, 7, "of this test alone");
  const auto [ours, answer] = stranger.SayHello();
  ASSERT_TRUE(ours->Send(stranger.ProofTo(answer) + Pings(0, 10)));
  EXPECT_EQ(ours->ReadAll(), "");
  ASSERT_TRUE(Says(server, refused));
  // Nor is who says again what a member has said.
  const auto [heard, answer_to_member] = member.SayHello();
  ASSERT_TRUE(heard->Send(member.ProofTo(answer_to_member)));
  const auto [replay, other_answer] = member.SayHello();
  EXPECT_TRUE(other_answer != answer_to_member);
  ASSERT_TRUE(replay->Send(member.ProofTo(answer_to_member)));
  EXPECT_EQ(replay->ReadAll(), "");
  // It is told once only, and nothing is learnt of it: a start of its own would be a clone.
  const auto [as_clone, answer_to_clone] = FakeCaller(cluster, 8, "a guess").SayHello();
  ASSERT_TRUE(as_clone->Send(stranger.ProofTo(answer_to_clone)));
  EXPECT_EQ(as_clone->ReadAll(), "");
  EXPECT_EQ(Count(server.log(), "cluster connection from"), 1) << server.log();
  EXPECT_EQ(Linked(server, 2), 0);

  const auto [silent, answer_to_silent] = member.SayHello();
  EXPECT_EQ(silent->ReadAll(), "");
  EXPECT_TRUE(Says(server, "node 2 did not prove in time that its cluster-secret is ours"));
}

TEST(Links, WhatIsSaidBeforeThePeerCanBeAnsweredWaits) {
  ServerCluster cluster(2);
  cluster.Start(1);
  ServerProcess& server = cluster.at(1);
  FakeNode node(cluster, 7);
  const auto [ours, answer] = node.SayHello();
  // More than is held for it, so that the rest waits in the network.
  constexpr uint64_t kPings = 200'000;
  ASSERT_TRUE(ours->Send(node.ProofTo(answer) + Pings(0, kPings / 2)));
  ASSERT_NO_FATAL_FAILURE(node.Accept());
  ASSERT_TRUE(ours->Send(Pings(kPings / 2, kPings / 2)));
  // The member has more to say meanwhile than answers.
  for (uint64_t nonce = 0; nonce < kPings; ++nonce) {
    ASSERT_EQ(node.NextPong(), nonce);
  }
  EXPECT_EQ(Linked(server, 2), 1);
}

TEST(Links, APeerThatReadsTooSlowlyIsDroppedAtTheLimit) {
  ServerCluster cluster(2);
  cluster.Start(1, {"--cluster-link-sendbuf-limit", "64mb"});
  ServerProcess& server = cluster.at(1);
  FakeNode node(cluster, 7);
  const auto ours = node.Dial();
  ASSERT_NO_FATAL_FAILURE(node.Accept());
  ASSERT_TRUE(Eventually([&] { return Linked(server, 2) == 1; }));
  const std::string pings = Pings(0, 50'000);
  const auto dropped = [&] {
    return server.log().find("it does not take what is sent to it") != std::string::npos;
  };
  // By itself: once the link is dropped nobody reads from it until it is up again.
  std::atomic<bool> enough = false;
  const std::jthread speaker([&] {
    for (size_t sent = 0; !enough && sent < 512UL << 20; sent += pings.size()) ours->Send(pings);
  });
  // A peer that reads nothing at all is dropped as one that does not answer, after some seconds;
  // on a slow machine that is before the limit is met.
  std::jthread reader([&] {
    while (!enough) {
      if (node.ReadAccepted(64UL << 10).empty()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  });
  EXPECT_TRUE(Eventually(dropped, std::chrono::minutes(2))) << server.log();
  enough = true;
  reader.join();
  EXPECT_LT(server.run().resident_bytes(), 400UL << 20);
  EXPECT_EQ(Client(server.port()).Call({"PING"}), "PONG");
  // It is dialled anew, and all is as before. What it said meanwhile was held, then waits.
  ASSERT_NO_FATAL_FAILURE(node.Accept());
  EXPECT_TRUE(Eventually([&] { return Linked(server, 2) == 2; }));
}

TEST(Links, ASecondConnectionReplacesTheFirstAndAnotherStartDoesNot) {
  ServerCluster cluster(2);
  cluster.Start(1);
  ServerProcess& server = cluster.at(1);
  FakeNode node(cluster, 7);
  const auto first = node.Dial();
  ASSERT_NO_FATAL_FAILURE(node.Accept());
  ASSERT_TRUE(Eventually([&] { return Linked(server, 2) == 1; }));
  const auto second = node.Dial();
  EXPECT_EQ(first->ReadAll(), "");
  ASSERT_TRUE(Says(server, "is not linked any more: it has dialled anew"));
  ASSERT_TRUE(Eventually([&] { return Linked(server, 2) == 2; }));
  ASSERT_TRUE(second->Send(Pings(5, 1)));
  EXPECT_EQ(node.NextPong(), 5U);

  const FakeCaller clone(cluster, 8);
  EXPECT_EQ(clone.Dial()->ReadAll(), "");
  EXPECT_TRUE(Says(server, "refused: node 2 runs twice"));
  ASSERT_TRUE(second->Send(Pings(6, 1)));
  EXPECT_EQ(node.NextPong(), 6U);
}

}  // namespace
}  // namespace cartwheel
