// Datagrams between real nodes: that they arrive, and that nobody else's do harm.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/random.h"
#include "tests/process/client.h"
#include "tests/process/server_cluster.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;

class UdpSocket {
 public:
  UdpSocket() : fd_(socket(AF_INET, SOCK_DGRAM, 0)) {}
  ~UdpSocket() { close(fd_); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  bool Bind(int port) const {
    const sockaddr_in address = At(port);
    return bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool Send(int port, const std::string& bytes) const {
    const sockaddr_in to = At(port);
    return sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                  sizeof(to)) == static_cast<ssize_t>(bytes.size());
  }

 private:
  static sockaddr_in At(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int fd_;
};

long Count(ServerCluster& nodes, int id, const std::string& field) {
  Client client = nodes.Connect(id);
  const std::string text = InfoField(client, "dynamo", field);
  return text.empty() ? -1 : std::stol(text);
}

TEST(Gossip, MembersHearEachOtherInDatagrams) {
  ServerCluster nodes(3);
  nodes.StartAll();
  for (const int id : {1, 2, 3}) {
    EXPECT_TRUE(Eventually([&] { return Count(nodes, id, "gossip_datagrams_received") > 5; }))
        << id;
    EXPECT_EQ(Count(nodes, id, "gossip_refused"), 0) << id;
    EXPECT_GT(Count(nodes, id, "gossip_bytes_sent"), 300) << id;
  }
}

TEST(Gossip, WhatStrangersSendIsCountedAndChangesNothing) {
  ServerCluster nodes(3);
  nodes.StartAll();
  ASSERT_TRUE(Eventually([&] { return Count(nodes, 1, "gossip_datagrams_received") > 5; }));
  const UdpSocket stranger;
  cluster::Random random(1);
  for (size_t length : {0UL, 1UL, 9UL, 60UL, 1400UL, 1401UL, 2048UL, 9000UL}) {
    std::string bytes(length, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
    EXPECT_TRUE(stranger.Send(nodes.cluster_port(1), bytes));
    if (length > 0) bytes[0] = 1;  // the format
    EXPECT_TRUE(stranger.Send(nodes.cluster_port(1), bytes));
  }
  // Of them those that are too long for any packet are not even looked at.
  EXPECT_TRUE(Eventually([&] { return Count(nodes, 1, "gossip_refused") >= 8; }));
  Client client = nodes.Connect(1);
  EXPECT_EQ(client.Call({"DYN.QUORUM", "PW", "3", "SET", "k", "v"}), "OK");
  EXPECT_EQ(InfoField(client, "dynamo", "peer_2"), "up");
  EXPECT_EQ(InfoField(client, "dynamo", "peer_3"), "up");
}

TEST(Gossip, AnOccupiedPortIsNamed) {
  const int port = FreePort();
  const UdpSocket other;
  ASSERT_TRUE(other.Bind(port));
  const TemporaryDirectory data;
  const FailedStart start =
      RunToEnd({"--port", std::to_string(FreePort()), "--dir", data.path(), "--cluster-nodes",
                "1=127.0.0.1:" + std::to_string(port) + " 2=127.0.0.1:1", "--cluster-self", "1"});
  EXPECT_EQ(start.exit_code, 1);
  EXPECT_THAT(start.errors, HasSubstr("datagrams (UDP) on 127.0.0.1:" + std::to_string(port)));
}

}  // namespace
}  // namespace cartwheel
