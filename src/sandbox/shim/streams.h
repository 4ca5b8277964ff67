// Standard input, output and error of one process, and who is attached to them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "sandbox/shim/client.h"
#include "sandbox/shim/log_writer.h"
#include "sandbox/shim/loop.h"

namespace fulcrum::sandbox::shim {

/// The process's ends of its streams; invalid ones become /dev/null.
struct ChildEnds {
  UniqueFd in, out, err;
};

/// Owns our ends: pipes, or the master of a terminal. Output goes to the log first, then to every client; while a client is behind by
/// its whole backlog nothing is read from the process, for at most Client::kPatience, after which that client is cut off.
class Streams final : public ClientOwner {
 public:
  /// `log` may be null. `on_signal` gets the signals that clients send; `input_once`: the first client that ends its input ends the
  /// process's.
  Streams(Loop& loop, LogWriter* log, bool input_once, std::function<void(int)> on_signal);
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams() override;

  /// Makes pipes. Without `input` standard input is /dev/null.
  [[nodiscard]] Result<ChildEnds> make_pipes(bool input);
  /// Takes the terminal that the runtime made.
  [[nodiscard]] Result<> take_terminal(UniqueFd master, bool input);
  /// Begins to pump. Before it, what is in the error pipe can be had with take_error_text().
  [[nodiscard]] Result<> begin();
  /// What was printed on standard error so far, when it was the runtime that printed.
  std::string take_error_text();

  [[nodiscard]] Result<> attach(UniqueFd client, const Request& request);
  [[nodiscard]] Result<> resize(WindowSize size);
  /// Reads what the process left behind: up to end of file, or, when somebody else still holds the other end, what is there now.
  void drain();
  /// Nothing more comes: clients get their last frame and leave once they took everything.
  void finish(const std::string& exit_payload);
  bool idle() const { return clients_.empty(); }
  bool has_terminal() const { return tty_; }
  /// Cuts off clients that took nothing for too long; returns when to look again.
  std::optional<Client::Time> cut_stalled();

  void client_input(std::string_view bytes) override;
  void client_input_ended(Client& client) override;
  void client_resize(WindowSize size) override;
  void client_signal(int signo) override;
  void client_gone(Client& client) override;
  void client_drained() override;

 private:
  struct Port final : Source {
    explicit Port(std::function<void(std::uint32_t)> f) : handle(std::move(f)) {}
    void ready(std::uint32_t events) override { handle(events); }
    std::function<void(std::uint32_t)> handle;
  };
  void pump(Stream stream, std::uint32_t events);
  bool read_chunk(Stream stream);
  void close_output(Stream stream);
  void write_input();
  void close_input();
  void update_ports();
  UniqueFd& end(Stream stream) { return stream == Stream::output ? out_ : err_; }

  Loop& loop_;
  LogWriter* log_;
  bool input_once_;
  std::function<void(int)> on_signal_;
  UniqueFd in_, out_, err_;  // with a terminal: in_ is a duplicate of out_
  bool tty_ = false;
  bool input_allowed_ = false;
  bool begun_ = false;
  bool finished_ = false;
  bool in_waiting_ = false;   // in_ is in the loop
  bool out_stopped_ = false;  // back-pressure
  bool input_end_wanted_ = false;
  std::string pending_input_;
  Port in_port_, out_port_, err_port_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace fulcrum::sandbox::shim
