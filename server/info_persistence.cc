#include "server/info_persistence.h"

#include <algorithm>
#include <string_view>

#include "server/server.h"
#include "storage/engine.h"

namespace cartwheel::server {
namespace {

struct Context {
  Server& server;
  InfoText& text;
  storage::Persistence state;
  int64_t flush_runs_for_s;  // -1: none runs

  bool on_disk() const { return !server.config().memory_only(); }
  int64_t last_flush_s() const { return state.flushes == 0 ? -1 : state.last_flush_us / 1'000'000; }
  std::string_view flush_status() const { return state.last_flush_error.empty() ? "ok" : "err"; }
  std::string_view write_status() const {
    return server.commit_error().empty() && state.sync_errors == 0 ? "ok" : "err";
  }
};

void AddSnapshotFields(Context& info) {
  InfoText& text = info.text;
  const storage::Persistence& state = info.state;
  text.AddZeros(
      {"loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"});
  text.Add("current_fork_perc", "0.00");
  text.AddZeros({"current_save_keys_processed", "current_save_keys_total"});
  text.Add("rdb_changes_since_last_save", state.changes_since_flush);
  text.Add("rdb_bgsave_in_progress", state.flush_running ? 1 : 0);
  text.Add("rdb_last_save_time", info.server.last_save_unix_ms() / 1000);
  text.Add("rdb_last_bgsave_status", info.flush_status());
  text.Add("rdb_last_bgsave_time_sec", info.last_flush_s());
  text.Add("rdb_current_bgsave_time_sec", info.flush_runs_for_s);
  text.Add("rdb_saves", state.flushes);
  text.AddZeros({"rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"});
}

void AddLogFields(Context& info) {
  InfoText& text = info.text;
  const storage::Persistence& state = info.state;
  const bool appends = info.on_disk() && info.server.config().appendonly;
  text.Add("aof_enabled", appends ? 1 : 0);
  text.Add("aof_rewrite_in_progress", state.flush_running ? 1 : 0);
  text.Add("aof_rewrite_scheduled", 0);
  text.Add("aof_last_rewrite_time_sec", info.last_flush_s());
  text.Add("aof_current_rewrite_time_sec", info.flush_runs_for_s);
  text.Add("aof_last_bgrewrite_status", info.flush_status());
  text.Add("aof_rewrites", state.flushes);
  text.Add("aof_rewrites_consecutive_failures", state.failed_flushes);
  text.Add("aof_last_write_status", info.write_status());
  text.Add("aof_last_cow_size", 0);
  text.AddZeros({"module_fork_in_progress", "module_fork_last_cow_size"});
  if (!appends) return;
  text.Add("aof_current_size", state.log_bytes);
  text.Add("aof_base_size", info.server.persistence_watch().log_bytes_after_flush());
  text.AddZeros({"aof_pending_rewrite", "aof_buffer_length"});
  text.Add("aof_pending_bio_fsync", state.sync_running ? 1 : 0);
  text.Add("aof_delayed_fsync", state.delayed_writes);
}

void AddOwnFields(Context& info) {
  if (!info.on_disk()) return;
  InfoText& text = info.text;
  const storage::Persistence& state = info.state;
  text.Add("log_bytes", state.log_bytes);
  text.Add("log_unsynced_bytes", state.unsynced_bytes);
  text.Add("log_syncs", state.syncs);
  text.Add("log_sync_errors", state.sync_errors);
  text.Add("dirty_bytes", state.dirty_bytes);
  text.Add("dirty_keys", state.dirty_keys);
  text.Add("writes_waiting", info.server.store().engine().WritesMustWait() ? 1 : 0);
  text.Add("writes_delayed", state.delayed_writes);
  text.Add("clients_held_back", std::ranges::count_if(info.server.sessions(), [](const auto& each) {
             return each.second->postponed;
           }));
  text.Add("last_flush_entries", state.last_flush_entries);
  text.Add("last_flush_ms", state.last_flush_us / 1000);
  text.Add("last_flush_error", state.last_flush_error);
  text.Add("replay_ms", state.replay_us / 1000);
  text.Add("replay_batches", state.replayed_batches);
  text.Add("replay_bytes", state.replayed_bytes);
  text.Add("log_torn_bytes", state.torn_bytes);
  text.Add("log_damaged_bytes", state.damaged_bytes);
}

}  // namespace

void AddPersistenceInfo(Server& server, Now now, InfoText& text) {
  Context info{.server = server,
               .text = text,
               .state = server.store().engine().persistence(),
               .flush_runs_for_s = server.persistence_watch().flush_runs_for_s(now)};
  text.Section("Persistence");
  AddSnapshotFields(info);
  AddLogFields(info);
  AddOwnFields(info);
}

}  // namespace cartwheel::server
