// What the daemon and a shim say to each other over <sandbox folder>/shim.sock (SOCK_SEQPACKET, root only).
//
// One request, one reply, any number of times on a connection; requests on one connection are answered in order. `watch` is answered twice:
// at once, and when the run has ended (with the exit). The connection closes when the shim leaves, which it does after that by itself.
//
// Wire form: version, type, then every field in the order of the struct; numbers little endian, texts as 32-bit length and bytes. A shim
// outlives the daemon that started it, perhaps by years: new fields are only ever added at the end, and missing ones keep their defaults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::sandbox::shim {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kMaxMessage = 160 << 10;
inline constexpr std::size_t kMaxEarly = 64 << 10;  ///< longest Request::early

enum class Type : std::uint8_t {
  status = 1,   ///< what is there; with exec_id: of that exec
  start,        ///< run the program
  attach,       ///< with one descriptor: the client
  exec,         ///< `path` is a process.json; with at most one descriptor: the client
  resize,       ///< of the first process, or of exec_id
  signal,       ///< likewise
  watch,        ///< of the first process, or of exec_id: answered again at exit
  reopen_logs,  ///< after somebody moved them away
};

/// How a client's streams travel: bits of Request::format.
enum Format : std::uint16_t {
  kStdin = 1,
  kStdout = 2,
  kStderr = 4,
  kFramedInput = 8,
  kFramedOutput = 16,
  kExitFrame = 32,
  kLogs = 64,
};

struct Request {
  Type type = Type::status;
  std::string exec_id;  ///< [a-zA-Z0-9_.-]{1,128}
  std::string path;
  bool tty = false;
  std::uint16_t format = 0;
  std::uint16_t height = 0, width = 0;
  std::int32_t signal = 0;
  std::string detach_keys;
  std::string early;  ///< what the client had sent before it was handed over
  friend bool operator==(const Request&, const Request&) = default;
};

enum class RunState : std::uint8_t { creating, created, running, stopped };

struct Reply {
  Code code = Code::unknown;
  bool ok = false;
  std::string message;  ///< of the error
  RunState state = RunState::creating;
  std::int64_t run = 0;
  std::int64_t pid = 0;
  std::int64_t started_ns = 0;  ///< since the epoch; 0: not yet
  std::int64_t finished_ns = 0;
  std::int32_t exit_code = 0;  ///< valid when stopped
  std::int32_t exit_signal = 0;
  bool oom_killed = false;
  friend bool operator==(const Reply&, const Reply&) = default;
};

std::string encode(const Request& request);
std::string encode(const Reply& reply);
/// Errors: invalid_argument (truncated, too long, unknown type), unimplemented (another version).
[[nodiscard]] Result<Request> decode_request(std::string_view bytes);
[[nodiscard]] Result<Reply> decode_reply(std::string_view bytes);

/// May this name an exec? It becomes part of a file name.
bool valid_exec_id(std::string_view id);

}  // namespace fulcrum::sandbox::shim
