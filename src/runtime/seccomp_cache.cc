// Compiled filters kept on disk: compiling an ordinary profile costs milliseconds, reading the result microseconds.
#include <fcntl.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "runtime/seccomp.h"

namespace fulcrum::runtime {
namespace {

constexpr std::uint32_t kMagic = 0x46534301;  // "FSC", and the version of this format and of the compiler above
constexpr std::size_t kMaxEntry = 8 << 20;
constexpr std::size_t kMaxEntries = 256;

struct Header {
  std::uint32_t magic = kMagic;
  std::uint32_t flags = 0;
  std::uint32_t notify = 0;
  std::uint32_t key_size = 0;
  std::uint64_t code_size = 0;
  std::uint64_t code_check = 0;
};
static_assert(sizeof(Header) == 32);

/// FNV-1a. It names files and finds damage; equality is decided on the whole key, which stands in the file.
std::uint64_t hash(std::string_view data) {
  std::uint64_t out = 0xcbf29ce484222325;
  for (const unsigned char c : data) out = (out ^ c) * 0x100000001b3;
  return out;
}

void put(std::string& key, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  key.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}
void put(std::string& key, std::uint64_t number) { key.append(reinterpret_cast<const char*>(&number), sizeof number); }
void put(std::string& key, const std::vector<std::string>& list) {
  put(key, list.size());
  for (const auto& text : list) put(key, text);
}
void put(std::string& key, const std::optional<std::uint32_t>& number) { put(key, number ? std::uint64_t{*number} + 1 : std::uint64_t{0}); }

/// Everything that the program depends on.
std::string key_of(const oci::Seccomp& profile) {
  std::string key;
  utsname name{};
  ::uname(&name);
  put(key, std::string_view(name.release));
  put(key, std::string_view(name.machine));
  const auto* version = seccomp_version();
  put(key, std::uint64_t{version->major} << 32 | version->minor << 16 | version->micro);
  put(key, profile.default_action);
  put(key, profile.default_errno_ret);
  put(key, profile.architectures);
  put(key, std::uint64_t{profile.flags ? 1U : 0U});
  if (profile.flags) put(key, *profile.flags);
  for (const auto& rule : profile.syscalls) {
    put(key, rule.names);
    put(key, rule.action);
    put(key, rule.errno_ret);
    put(key, rule.args.size());
    for (const auto& arg : rule.args) {
      put(key, std::uint64_t{arg.index});
      put(key, arg.value);
      put(key, arg.value_two);
      put(key, arg.op);
    }
  }
  return key;
}

/// Ours, and nobody else may write to it?
bool trusted(int fd, mode_t type) {
  struct stat st{};
  return ::fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == ::geteuid() && (st.st_mode & 022) == 0;
}

/// The cache folder, made when missing; invalid when it cannot be had or trusted.
UniqueFd open_cache(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  auto folder = sys::open(path, kFlags);
  if (!folder && folder.error().sys_errno == ENOENT && sys::make_directories(path, 0700)) folder = sys::open(path, kFlags);
  if (!folder || !trusted(folder->get(), S_IFDIR)) return {};
  return std::move(*folder);
}

std::optional<SeccompProgram> read_entry(int folder, const std::string& name, std::string_view key) {
  const auto file = sys::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file || !trusted(file->get(), S_IFREG)) return std::nullopt;
  const auto data = sys::read_all(file->get(), kMaxEntry);
  Header header;
  if (!data || data->size() < sizeof header) return std::nullopt;
  std::memcpy(&header, data->data(), sizeof header);
  const std::string_view rest = std::string_view(*data).substr(sizeof header);
  if (header.magic != kMagic || header.key_size != key.size() || rest.size() != key.size() + header.code_size) return std::nullopt;
  const auto code = rest.substr(key.size());
  if (rest.substr(0, key.size()) != key || hash(code) != header.code_check) return std::nullopt;
  return SeccompProgram{.code = std::string(code), .flags = header.flags, .notify = header.notify != 0};
}

/// Best effort. Not synced: what a crash damages is found by the check.
void write_entry(int folder, const std::string& path, const std::string& name, std::string_view key, const SeccompProgram& program) {
  if (const auto names = sys::list_directory(path); names && names->size() >= kMaxEntries) {
    for (const auto& old : *names) ::unlinkat(folder, old.c_str(), 0);
  }
  const Header header{.flags = program.flags,
                      .notify = program.notify ? 1U : 0U,
                      .key_size = static_cast<std::uint32_t>(key.size()),
                      .code_size = program.code.size(),
                      .code_check = hash(program.code)};
  std::string data(reinterpret_cast<const char*>(&header), sizeof header);
  data.append(key).append(program.code);
  const auto aside = name + "." + sys::random_hex(8);
  const auto file = sys::openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file) return;
  ScopeExit undo([&] { ::unlinkat(folder, aside.c_str(), 0); });
  if (!sys::write_all(file->get(), data)) return;
  if (::renameat(folder, aside.c_str(), folder, name.c_str()) == 0) undo.dismiss();
}

}  // namespace

Result<SeccompProgram> load_seccomp(const oci::Seccomp& profile, const std::string& cache_dir) {
  const auto folder = open_cache(cache_dir);
  if (!folder.valid()) return compile_seccomp(profile);
  const auto key = key_of(profile);
  const auto name = fmt::format("{:016x}", hash(key));
  if (auto cached = read_entry(folder.get(), name, key)) return std::move(*cached);
  auto program = TRY(compile_seccomp(profile));
  write_entry(folder.get(), cache_dir, name, key, program);
  return program;
}

}  // namespace fulcrum::runtime
