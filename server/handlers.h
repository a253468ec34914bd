// The handlers of the command table: commands that are not operations on keys.
#pragma once

#include "server/command.h"
#include "server/now.h"
#include "server/ops/op.h"

namespace cartwheel::server {

class Server;
class Session;

struct CommandContext {
  Server& server;
  Session& session;
  const Command& command;
  Args args;
  Now now;
  resp::ReplyWriter reply;
};

// commands/connection.cc
void Hello(CommandContext& context);
void Auth(CommandContext& context);
void Ping(CommandContext& context);
void Echo(CommandContext& context);
void Quit(CommandContext& context);
void Reset(CommandContext& context);
void Select(CommandContext& context);

// commands/cluster.cc
void ClusterHelp(CommandContext& context);
void ClusterInfo(CommandContext& context);
void ClusterSlots(CommandContext& context);
void ClusterShards(CommandContext& context);
void ClusterNodes(CommandContext& context);
void ClusterRing(CommandContext& context);
void ClusterMyId(CommandContext& context);
void ClusterMyShardId(CommandContext& context);
void ClusterKeySlot(CommandContext& context);
void ClusterLinks(CommandContext& context);
void ClusterMeet(CommandContext& context);
void ClusterJoin(CommandContext& context);
void ClusterPlan(CommandContext& context);
void ClusterLeave(CommandContext& context);
void ClusterReweight(CommandContext& context);
void ClusterReplace(CommandContext& context);
void ClusterCancel(CommandContext& context);
void ClusterVerify(CommandContext& context);
void ClusterRepair(CommandContext& context);
void ClusterCommit(CommandContext& context);
void ClusterForget(CommandContext& context);
void ClusterCountKeysInSlot(CommandContext& context);
void ClusterGetKeysInSlot(CommandContext& context);
void ClusterReplicas(CommandContext& context);
void ClusterCountFailureReports(CommandContext& context);
void ClusterReset(CommandContext& context);
void Asking(CommandContext& context);
void ReadOnly(CommandContext& context);
void ReadWrite(CommandContext& context);

// commands/client.cc
void ClientId(CommandContext& context);
void ClientGetName(CommandContext& context);
void ClientSetName(CommandContext& context);
void ClientSetInfo(CommandContext& context);
void ClientInfo(CommandContext& context);
void ClientList(CommandContext& context);
void ClientKill(CommandContext& context);
void ClientReply(CommandContext& context);
void ClientPause(CommandContext& context);
void ClientUnpause(CommandContext& context);
void ClientUnblock(CommandContext& context);
void ClientNoEvict(CommandContext& context);
void ClientNoTouch(CommandContext& context);
void ClientGetRedir(CommandContext& context);
void ClientTrackingInfo(CommandContext& context);

// commands/help.cc: HELP of every container, from the table.
void ContainerHelp(CommandContext& context);

// commands/command.cc
void CommandAll(CommandContext& context);
void CommandCount(CommandContext& context);
void CommandDocs(CommandContext& context);
void CommandInfo(CommandContext& context);
void CommandList(CommandContext& context);
void CommandGetKeys(CommandContext& context);
void CommandGetKeysAndFlags(CommandContext& context);

// commands/config.cc
void ConfigGet(CommandContext& context);
void ConfigSet(CommandContext& context);
void ConfigRewrite(CommandContext& context);
void ConfigResetStat(CommandContext& context);

// commands/info.cc
void Info(CommandContext& context);

// commands/admin.cc
void Time(CommandContext& context);
void LastSave(CommandContext& context);
void Save(CommandContext& context);
void BgSave(CommandContext& context);
void BgRewriteAof(CommandContext& context);
void Shutdown(CommandContext& context);
void Role(CommandContext& context);
void Wait(CommandContext& context);
void Monitor(CommandContext& context);
void DebugSleep(CommandContext& context);
void AnswerOk(CommandContext& context);  // SCRIPT FLUSH, FUNCTION FLUSH: nothing to flush

// commands/memory.cc
void MemoryStats(CommandContext& context);
void MemoryDoctor(CommandContext& context);
void MemoryPurge(CommandContext& context);

// commands/observe.cc
void SlowLogGet(CommandContext& context);
void SlowLogLen(CommandContext& context);
void SlowLogReset(CommandContext& context);
void LatencyHistogram(CommandContext& context);
void LatencyLatest(CommandContext& context);
void LatencyHistory(CommandContext& context);
void LatencyReset(CommandContext& context);
void LatencyDoctor(CommandContext& context);

// commands/keyspace.cc
void DbSize(CommandContext& context);
void FlushAll(CommandContext& context);
void FlushDb(CommandContext& context);
void Keys(CommandContext& context);
void Scan(CommandContext& context);
void RandomKey(CommandContext& context);

// commands/transactions.cc
void Multi(CommandContext& context);
void Exec(CommandContext& context);
void Discard(CommandContext& context);
void Watch(CommandContext& context);
void Unwatch(CommandContext& context);

// commands/dyn.cc
void DynGet(CommandContext& context);
void DynSet(CommandContext& context);
void DynDel(CommandContext& context);

// commands/dyn_show.cc
void DynKeyInfo(CommandContext& context);
void DynConflictsGet(CommandContext& context);
void DynConflictsLen(CommandContext& context);
void DynConflictsReset(CommandContext& context);
void DynQuorum(CommandContext& context);

// commands/pubsub.cc
void Subscribe(CommandContext& context);
void Unsubscribe(CommandContext& context);
void PSubscribe(CommandContext& context);
void PUnsubscribe(CommandContext& context);
void SSubscribe(CommandContext& context);
void SUnsubscribe(CommandContext& context);
void Publish(CommandContext& context);
void SPublish(CommandContext& context);
void PubSubChannels(CommandContext& context);
void PubSubNumSub(CommandContext& context);
void PubSubNumPat(CommandContext& context);
void PubSubShardChannels(CommandContext& context);
void PubSubShardNumSub(CommandContext& context);

}  // namespace cartwheel::server
