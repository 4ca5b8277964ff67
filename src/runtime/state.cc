#include "runtime/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "os/namespaces.h"
#include "schema/schema.h"

namespace fulcrum::schema {

using fulcrum::runtime::SavedState;

template <>
struct Schema<SavedState> {
  static constexpr std::string_view name = "ContainerState";
  static constexpr std::string_view doc = "What the runtime remembers of a container.";
  static constexpr auto fields = std::tuple{
      required("ociVersion", &SavedState::oci_version, "Version of the configuration."),
      required("id", &SavedState::id, "Name of the container."),
      required("bundle", &SavedState::bundle, "Absolute path of the bundle."),
      required("rootfs", &SavedState::rootfs, "Absolute path of the root file system."),
      required("created", &SavedState::created, "When it was created, RFC 3339."),
      optional("annotations", &SavedState::annotations, "Annotations of the configuration."),
      optional("cgroupPath", &SavedState::cgroup_path, "Its cgroup, the same path in every hierarchy."),
      optional("pid", &SavedState::pid, "Process id of init."),
      optional("startTime", &SavedState::start_time, "Start time of init in clock ticks since boot."),
      optional("namespaces", &SavedState::namespaces, "Namespaces that init is in."),
      optional("ownPidNamespace", &SavedState::own_pid_namespace, "All processes end with init."),
      optional("noPivot", &SavedState::no_pivot, "The root was moved instead of pivoted."),
  };
};

}  // namespace fulcrum::schema

namespace fulcrum::runtime {
namespace {

constexpr std::size_t kMaxStateBytes = 8 << 20;
constexpr std::size_t kMaxIdLength = 1024;
constexpr const char* kStateFile = "state.json";
constexpr const char* kConfigFile = "config.json";
constexpr const char* kFifo = "exec.fifo";
constexpr const char* kReport = "start.error";
constexpr const char* kFiles[] = {kStateFile, kConfigFile, kFifo, kReport, ".state.json", ".config.json"};

bool id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-' || c == '.';
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::creating: return "creating";
    case Status::created: return "created";
    case Status::running: return "running";
    case Status::paused: return "paused";
    case Status::stopped: return "stopped";
  }
  std::unreachable();
}

Result<> check_id(std::string_view id) {
  bool good = !id.empty() && id.size() <= kMaxIdLength && id != "." && id != "..";
  for (const char c : id) good = good && id_character(c);
  if (!good) return fail(Code::invalid_argument, "invalid container ID format: {:?}", id.substr(0, 100));
  return {};
}

Result<StateDirectory> StateDirectory::create(const std::string& root, const std::string& id) {
  TRY(check_id(id));
  auto path = root + "/" + id;
  int made = ::mkdir(path.c_str(), 0711);
  if (made != 0 && errno == ENOENT) {
    TRY(sys::make_directories(root, 0711));
    made = ::mkdir(path.c_str(), 0711);
  }
  if (made != 0 && errno == EEXIST) return fail(Code::already_exists, "container with given ID already exists: {}", id);
  if (made != 0) return fail_errno(errno, "make {}", path);
  auto fd = TRY(sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  // Init shares the lock until it executes the program or dies with its creator, so it ends with a creation in any case.
  if (::flock(fd.get(), LOCK_EX) != 0) return fail_errno(errno, "lock {}", path);
  return StateDirectory(std::move(path), std::move(fd));
}

void StateDirectory::end_creation() const { (void)::flock(fd_.get(), LOCK_UN); }

bool StateDirectory::being_created() const {
  if (::flock(fd_.get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  (void)::flock(fd_.get(), LOCK_UN);
  return false;
}

Result<StateDirectory> StateDirectory::open(const std::string& root, const std::string& id) {
  TRY(check_id(id));
  auto path = root + "/" + id;
  auto fd = sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd && fd.error().sys_errno == ENOENT) return fail(Code::not_found, "container does not exist: {}", id);
  if (!fd) return std::unexpected(std::move(fd).error());
  return StateDirectory(std::move(path), std::move(*fd));
}

Result<> StateDirectory::write(const std::string& name, std::string_view data) const {
  const std::string aside = "." + name;
  {
    auto file = TRY(sys::openat(fd_.get(), aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    TRY(sys::write_all(file.get(), data), "write {}/{}", path_, name);
  }
  if (::renameat(fd_.get(), aside.c_str(), fd_.get(), name.c_str()) != 0) return fail_errno(errno, "rename {}/{}", path_, aside);
  return {};
}

Result<> StateDirectory::save(const SavedState& state) const { return write(kStateFile, schema::encode_text(state)); }

Result<SavedState> StateDirectory::load() const {
  auto text = sys::read_file_at(fd_.get(), kStateFile, kMaxStateBytes);
  if (!text && text.error().sys_errno == ENOENT) return fail(Code::not_found, "container does not exist: {} was never finished", path_);
  if (!text) return std::unexpected(std::move(text).error());
  auto state = schema::decode_text<SavedState>(*text, schema::UnknownFields::ignore);
  if (!state) return fail(Code::data_loss, "read {}/state.json: {}", path_, state.error().message);
  return std::move(*state);
}

Result<std::string> StateDirectory::config() const { return sys::read_file_at(fd_.get(), kConfigFile, kMaxStateBytes); }

Result<UniqueFd> StateDirectory::make_start_fifo() const {
  if (::mkfifoat(fd_.get(), kFifo, 0600) != 0) return fail_errno(errno, "make {}/{}", path_, kFifo);
  return sys::openat(fd_.get(), kFifo, O_RDWR | O_NOFOLLOW);
}

Result<std::optional<UniqueFd>> StateDirectory::open_start_fifo() const {
  auto fd = sys::openat(fd_.get(), kFifo, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  if (fd) return std::optional<UniqueFd>(std::move(*fd));
  if (fd.error().sys_errno == ENXIO || fd.error().sys_errno == ENOENT) return std::optional<UniqueFd>();
  return std::unexpected(std::move(fd).error());
}

Result<UniqueFd> StateDirectory::make_start_report() const {
  return sys::openat(fd_.get(), kReport, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
}

std::string StateDirectory::start_report() const { return sys::read_file_at(fd_.get(), kReport, 64 << 10).value_or(std::string()); }

void StateDirectory::remove_start_fifo() const {
  ::unlinkat(fd_.get(), kFifo, 0);
  ::unlinkat(fd_.get(), kReport, 0);
}

Result<> StateDirectory::remove() const {
  for (const char* name : {kStateFile, kConfigFile}) ::unlinkat(fd_.get(), name, 0);
  if (::rmdir(path_.c_str()) == 0 || errno == ENOENT) return {};
  for (const char* name : kFiles) {
    if (::unlinkat(fd_.get(), name, 0) != 0 && errno != ENOENT) return fail_errno(errno, "remove {}/{}", path_, name);
  }
  if (::rmdir(path_.c_str()) == 0 || errno == ENOENT) return {};
  return sys::remove_tree(path_);
}

bool is_alive(pid_t pid, std::uint64_t start_time) {
  if (pid <= 0) return false;
  const auto stat = os::process_stat(pid);
  return stat && stat->start_time == start_time && stat->state != 'Z' && stat->state != 'X';
}

}  // namespace fulcrum::runtime
