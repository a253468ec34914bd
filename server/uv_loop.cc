#include "server/uv_loop.h"

#include <csignal>
#include <ctime>

#include "server/log.h"
#include "server/uv_connection.h"
#include "server/uv_peers.h"

namespace cartwheel::server {
namespace {

// After SHUTDOWN, clients that do not read their last replies are waited for this long.
constexpr uint64_t kShutdownGraceMs = 2000;

int64_t ReadClock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}

// An address that this machine does not have.
bool IsMissing(int code) {
  return code == UV_EADDRNOTAVAIL || code == UV_EAFNOSUPPORT || code == UV_EPROTONOSUPPORT;
}

}  // namespace

UvLoop::UvLoop(Server& server) : server_(server) {
  uv_loop_init(&loop_);
  uv_prepare_init(&loop_, &prepare_);
  uv_check_init(&loop_, &check_);
  uv_timer_init(&loop_, &timer_);
  uv_timer_init(&loop_, &shutdown_timer_);
  prepare_.data = check_.data = timer_.data = shutdown_timer_.data = this;
  for (uv_signal_t& signal : signals_) {
    uv_signal_init(&loop_, &signal);
    signal.data = this;
  }
}

UvLoop::~UvLoop() {
  CloseHandles();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

Now UvLoop::now() {
  if (!turn_running_) {
    turn_running_ = true;
    now_ = {.unix_us = ReadClock(CLOCK_REALTIME), .monotonic_us = ReadClock(CLOCK_MONOTONIC)};
  }
  return now_;
}

// On all addresses of `bind`; nothing for port 0.
std::expected<void, std::string> UvLoop::ListenAt(int port, std::string_view option) {
  const Config& config = server_.config();
  for (const std::string& address : config.bind) {
    if (port == 0) break;
    const bool optional = address.starts_with('-');
    auto listener = UvListener::ListenTcp(*this, address.substr(optional ? 1 : 0), port, option,
                                          config.tcp_backlog);
    if (listener) {
      listeners_.push_back(std::move(*listener));
    } else if (!optional || !IsMissing(listener.error().code)) {
      return std::unexpected(listener.error().message);
    }
  }
  return {};
}

std::expected<void, std::string> UvLoop::Listen() {
  const Config& config = server_.config();
  if (auto done = ListenAt(config.port, "port"); !done) return done;
  auto outside = ListenAt(config.cluster_outside_port, "cluster-outside-port");
  if (!outside) return outside;
  if (!config.unixsocket.empty()) {
    auto listener = UvListener::ListenUnix(*this, config);
    if (!listener) return std::unexpected(listener.error().message);
    listeners_.push_back(std::move(*listener));
  }
  if (listeners_.empty()) {
    return std::unexpected("nothing to listen on: set 'port' with 'bind', or 'unixsocket'");
  }
  // Before anybody is told that it is ready.
  const std::array<int, 2> numbers = {SIGINT, SIGTERM};
  for (size_t i = 0; i < signals_.size(); ++i) {
    uv_signal_start(
        &signals_[i],
        [](uv_signal_t* handle, int number) {
          static_cast<UvLoop*>(handle->data)
              ->server_.RequestShutdown(number == SIGINT ? "SIGINT" : "SIGTERM");
        },
        numbers[i]);
  }
  return {};
}

std::expected<void, std::string> UvLoop::JoinCluster(const ClusterConfig& config,
                                                     uint64_t boot_nonce, uint64_t seed) {
  peers_ = std::make_unique<UvPeers>(*this, config, boot_nonce, seed);
  return peers_->Start();
}

void UvLoop::Run() {
  // Before the loop waits for sockets, for what a timer or a finished write brought about.
  uv_prepare_start(&prepare_, [](uv_prepare_t* prepare) {
    auto* loop = static_cast<UvLoop*>(prepare->data);
    if (loop->turn_running_) loop->EndTurn();
  });
  uv_check_start(&check_, [](uv_check_t* check) { static_cast<UvLoop*>(check->data)->EndTurn(); });
  ScheduleTimer();
  uv_run(&loop_, UV_RUN_DEFAULT);
}

void UvLoop::OnTimer() {
  for (UvConnection* connection : connections_) connection->ReportProgress();
  server_.Tick(now());
}

// Commit, then send.
void UvLoop::EndTurn() {
  const Now turn_time = now();
  server_.EndTurn(turn_time);
  // First, as clients wait for what the peers answer.
  if (peers_) peers_->Flush();
  std::vector<UvConnection*> flushed;
  for (Session* session : server_.touched()) {
    flushed.push_back(static_cast<UvConnection*>(session->transport));
  }
  server_.ClearTouched();
  for (UvConnection* connection : flushed) connection->Flush();
  if (server_.shutdown_requested()) BeginShutdown();
  ScheduleTimer();
  turn_running_ = false;
}

void UvLoop::ScheduleTimer() {
  const int64_t deadline = server_.NextDeadline();
  if (deadline == scheduled_us_ && uv_is_active(reinterpret_cast<uv_handle_t*>(&timer_)) != 0)
    return;
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&timer_)) != 0) return;
  scheduled_us_ = deadline;
  const int64_t wait_us = deadline - now().monotonic_us;
  const uint64_t wait_ms = wait_us <= 0 ? 0 : static_cast<uint64_t>(wait_us + 999) / 1000;
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<UvLoop*>(timer->data)->OnTimer(); }, wait_ms, 0);
}

// Nothing more is accepted or read; what was answered has been committed and is sent.
void UvLoop::BeginShutdown() {
  if (shutting_down_) return;
  shutting_down_ = true;
  listeners_.clear();
  if (peers_) peers_->Stop();
  for (UvConnection* connection : std::set<UvConnection*>(connections_)) connection->Finish();
  uv_timer_start(
      &shutdown_timer_,
      [](uv_timer_t* timer) { static_cast<UvLoop*>(timer->data)->ForceShutdown(); },
      kShutdownGraceMs, 0);
  if (connections_.empty()) CloseHandles();
}

void UvLoop::Remove(UvConnection& connection) {
  connections_.erase(&connection);
  if (shutting_down_ && connections_.empty()) CloseHandles();
}

void UvLoop::ForceShutdown() {
  for (UvConnection* connection : std::set<UvConnection*>(connections_)) connection->Close();
}

void UvLoop::CloseHandles() {
  auto close = [](uv_handle_t* handle) {
    if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
  };
  ForceShutdown();
  listeners_.clear();
  if (peers_) peers_->Stop();
  close(reinterpret_cast<uv_handle_t*>(&prepare_));
  close(reinterpret_cast<uv_handle_t*>(&check_));
  close(reinterpret_cast<uv_handle_t*>(&timer_));
  close(reinterpret_cast<uv_handle_t*>(&shutdown_timer_));
  for (uv_signal_t& signal : signals_) close(reinterpret_cast<uv_handle_t*>(&signal));
}

}  // namespace cartwheel::server
