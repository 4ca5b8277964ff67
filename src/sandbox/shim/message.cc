#include "sandbox/shim/message.h"

#include <algorithm>
#include <type_traits>

namespace fulcrum::sandbox::shim {
namespace {

class Writer {
 public:
  template <class T>
  void number(T value) {
    const auto wide = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) out_ += static_cast<char>((wide >> (8 * i)) & 0xff);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    out_ += value;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Past the end every read gives zero: a message of an older version has fewer fields. A field that is cut in the middle is broken.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <class T>
  void number(T& value) {
    if (left_.empty()) return;
    if (left_.size() < sizeof(T)) return spoil();
    std::uint64_t wide = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) wide |= static_cast<std::uint64_t>(static_cast<unsigned char>(left_[i])) << (8 * i);
    value = static_cast<T>(wide);
    left_.remove_prefix(sizeof(T));
  }
  void flag(bool& value) {
    std::uint8_t byte = value ? 1 : 0;
    number(byte);
    if (byte > 1) return spoil();
    value = byte == 1;
  }
  void text(std::string& value) {
    if (left_.empty()) return;
    std::uint32_t size = 0;
    number(size);
    if (broken_ || size > left_.size()) return spoil();
    value = left_.substr(0, size);
    left_.remove_prefix(size);
  }
  bool broken() const { return broken_; }

 private:
  void spoil() {
    broken_ = true;
    left_ = {};
  }
  std::string_view left_;
  bool broken_ = false;
};

Result<> check_head(std::string_view bytes) {
  if (bytes.size() > kMaxMessage) return fail(Code::invalid_argument, "shim message: longer than {} bytes", kMaxMessage);
  if (bytes.size() < 2) return fail(Code::invalid_argument, "shim message: truncated");
  if (static_cast<std::uint8_t>(bytes[0]) != kVersion) {
    return fail(Code::unimplemented, "shim message: version {} is not known", static_cast<unsigned>(static_cast<std::uint8_t>(bytes[0])));
  }
  return {};
}

}  // namespace

std::string encode(const Request& r) {
  Writer w;
  w.number(kVersion);
  w.number(static_cast<std::uint8_t>(r.type));
  w.text(r.exec_id);
  w.text(r.path);
  w.number(static_cast<std::uint8_t>(r.tty));
  w.number(r.format);
  w.number(r.height);
  w.number(r.width);
  w.number(r.signal);
  w.text(r.detach_keys);
  w.text(r.early);
  return w.take();
}

std::string encode(const Reply& r) {
  Writer w;
  w.number(kVersion);
  w.number(static_cast<std::uint8_t>(r.ok));
  w.number(static_cast<std::uint8_t>(r.code));
  w.text(r.message);
  w.number(static_cast<std::uint8_t>(r.state));
  w.number(r.run);
  w.number(r.pid);
  w.number(r.started_ns);
  w.number(r.finished_ns);
  w.number(r.exit_code);
  w.number(r.exit_signal);
  w.number(static_cast<std::uint8_t>(r.oom_killed));
  return w.take();
}

Result<Request> decode_request(std::string_view bytes) {
  TRY(check_head(bytes));
  Request r;
  const auto type = static_cast<std::uint8_t>(bytes[1]);
  if (type < static_cast<std::uint8_t>(Type::status) || type > static_cast<std::uint8_t>(Type::reopen_logs)) {
    return fail(Code::invalid_argument, "shim message: type {} is not known", static_cast<unsigned>(type));
  }
  r.type = static_cast<Type>(type);
  Reader in(bytes.substr(2));
  in.text(r.exec_id);
  in.text(r.path);
  in.flag(r.tty);
  in.number(r.format);
  in.number(r.height);
  in.number(r.width);
  in.number(r.signal);
  in.text(r.detach_keys);
  in.text(r.early);
  if (in.broken()) return fail(Code::invalid_argument, "shim message: truncated");
  if (r.early.size() > kMaxEarly) return fail(Code::invalid_argument, "shim message: more than {} early bytes", kMaxEarly);
  if (!r.exec_id.empty() && !valid_exec_id(r.exec_id)) return fail(Code::invalid_argument, "shim message: bad exec id");
  if (r.path.find('\0') != std::string::npos) return fail(Code::invalid_argument, "shim message: NUL in path");
  return r;
}

Result<Reply> decode_reply(std::string_view bytes) {
  TRY(check_head(bytes));
  Reply r;
  if (static_cast<std::uint8_t>(bytes[1]) > 1) return fail(Code::invalid_argument, "shim message: not a reply");
  r.ok = bytes[1] == 1;
  Reader in(bytes.substr(2));
  std::uint8_t code = static_cast<std::uint8_t>(Code::unknown);
  std::uint8_t state = 0;
  in.number(code);
  in.text(r.message);
  in.number(state);
  in.number(r.run);
  in.number(r.pid);
  in.number(r.started_ns);
  in.number(r.finished_ns);
  in.number(r.exit_code);
  in.number(r.exit_signal);
  in.flag(r.oom_killed);
  if (in.broken() || code > static_cast<std::uint8_t>(Code::unauthenticated) || state > static_cast<std::uint8_t>(RunState::stopped)) {
    return fail(Code::invalid_argument, "shim message: broken reply");
  }
  r.code = static_cast<Code>(code);
  r.state = static_cast<RunState>(state);
  return r;
}

bool valid_exec_id(std::string_view id) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !id.empty() && id.size() <= 128 && id[0] != '.' && std::ranges::all_of(id, good);
}

}  // namespace fulcrum::sandbox::shim
