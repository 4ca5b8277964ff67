// A runtime command that the shim runs: create, start, exec, delete.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "sandbox/shim/loop.h"
#include "sandbox/shim/streams.h"

namespace fulcrum::sandbox::shim {

/// What to run.
struct Command {
  std::vector<std::string> argv;
  std::string program;  ///< the file that is executed; empty: argv[0]
};

/// A running command. What it prints is kept (up to 16 KiB) unless its output is the container's.
class Helper final : public Source {
 public:
  /// Called once when it has ended.
  using Done = std::function<void(ExitStatus status, std::string text)>;

  /// `ends`: the container's streams, which the runtime passes on; null: the command's output is kept.
  [[nodiscard]] static Result<std::unique_ptr<Helper>> start(Loop& loop, Command command, ChildEnds* ends, Done done);
  ~Helper() override;

  pid_t pid() const { return pid_; }
  /// It was reaped.
  void ended(int wait_status);
  void ready(std::uint32_t events) override;

 private:
  Helper(Loop& loop, Done done) : loop_(loop), done_(std::move(done)) {}
  Loop& loop_;
  Done done_;
  pid_t pid_ = -1;
  UniqueFd captured_;
  std::string text_;
};

/// A socket on which the runtime hands over the master of a terminal that it made (--console-socket).
class ConsoleSocket final : public Source {
 public:
  using Got = std::function<void(UniqueFd master)>;
  [[nodiscard]] static Result<std::unique_ptr<ConsoleSocket>> listen(Loop& loop, std::string path, Got got);
  ~ConsoleSocket() override;
  const std::string& path() const { return path_; }
  /// Takes a master that has been sent already.
  void poll() { ready(0); }
  void ready(std::uint32_t events) override;

 private:
  ConsoleSocket(Loop& loop, std::string path, Got got) : loop_(loop), path_(std::move(path)), got_(std::move(got)) {}
  Loop& loop_;
  std::string path_;
  Got got_;
  UniqueFd listener_;
};

}  // namespace fulcrum::sandbox::shim
