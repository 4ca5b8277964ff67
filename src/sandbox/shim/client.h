// One attached connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "sandbox/shim/log_replay.h"
#include "sandbox/shim/loop.h"
#include "sandbox/shim/message.h"
#include "sandbox/stream/detach_keys.h"
#include "sandbox/stream/frame.h"

namespace fulcrum::sandbox::shim {

class Client;

/// Whose streams a client is attached to.
class ClientOwner {
 public:
  virtual ~ClientOwner() = default;
  virtual void client_input(std::string_view bytes) = 0;
  /// The client will send no more on standard input: it said so in a frame, or closed its side.
  virtual void client_input_ended(Client& client) = 0;
  virtual void client_resize(WindowSize size) = 0;
  virtual void client_signal(int signo) = 0;
  /// The connection is over: delete it.
  virtual void client_gone(Client& client) = 0;
  /// A backlog was drained: output may flow again.
  virtual void client_drained() = 0;
};

/// Owns the connection; its output backlog is bounded by whoever stops feeding a full() client.
class Client final : public Source {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kBacklog = 256 << 10;
  static constexpr std::chrono::seconds kPatience{10};

  /// `log`: replayed first when the request asks for it.
  [[nodiscard]] static Result<std::unique_ptr<Client>> make(Loop& loop, ClientOwner& owner, UniqueFd fd, const Request& request, bool tty,
                                                            const LogWriter* log);
  ~Client() override;

  /// Bytes the client had sent before: as if they arrived now.
  void early_input(std::string_view bytes) { take_input(bytes); }
  void output(Stream stream, std::string_view bytes);
  /// Sends the last frame (if the client wants one) and closes once everything was taken.
  void finish(FrameType type, std::string_view payload);
  /// Input is not read while the process does not take it.
  void pause_input(bool paused);

  bool full() const { return full_since_.has_value(); }
  bool wants_input() const { return (format_ & kStdin) != 0; }
  bool finishing() const { return finishing_; }
  /// When it must be cut off; nothing while it takes what it is given.
  std::optional<Time> deadline() const;

  void ready(std::uint32_t events) override;

 private:
  Client(Loop& loop, ClientOwner& owner, UniqueFd fd, const Request& request, bool tty, const LogWriter* log);
  void take_input(std::string_view bytes);
  bool take_item(std::string_view& bytes);
  void read_some();
  void send(std::string_view head, std::string_view body);
  void flush();
  void replay();
  void update_interest();
  void emit(Stream stream, std::string_view bytes);
  std::size_t pending() const { return backlog_.size() - sent_; }

  Loop& loop_;
  ClientOwner& owner_;
  UniqueFd fd_;
  std::uint16_t format_;
  bool tty_;
  DetachKeys keys_;
  FrameReader reader_;
  std::string backlog_;
  std::size_t sent_ = 0;
  std::optional<Time> full_since_;
  const LogWriter* log_;
  std::optional<LogReplay> replay_;
  std::string last_frame_;  // waits behind the replay
  std::uint32_t interest_ = 0;
  bool input_ended_ = false;
  bool input_paused_ = false;
  bool finishing_ = false;
  bool broken_ = false;
};

}  // namespace fulcrum::sandbox::shim
