#include "sandbox_fixture.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/process.h"
#include "base/words.h"
#include "sandbox/shim/log_writer.h"
#include "sandbox/stream/frame.h"

namespace fulcrum::sandbox {
namespace {

const Deadline soon() { return Deadline::in(std::chrono::seconds(20)); }

std::string binary(const char* name) { return std::string(FULCRUM_BIN) + "/" + name; }

}  // namespace

Plan FakeFixture::plan(const std::string& id, const Behaviour& behaviour) {
  Plan plan{.id = WorkloadId(id), .name = id, .run = 1};
  auto& notes = plan.spec.annotations;
  if (!behaviour.output.empty()) notes["fake/output"] = behaviour.output;
  if (!behaviour.forever) notes["fake/run-for"] = "0s";
  notes["fake/exit-code"] = std::to_string(behaviour.exit_code);
  if (behaviour.ignore_term) notes["fake/ignore-signals"] = "15";
  return plan;
}

api::ExecSpec FakeFixture::exec_spec(int exit_code, const std::string&) {
  machine_.set_exec_exit_code(exit_code);
  return {.command = {{"scripted"}}};
}

const char* NamespaceFixture::skip_reason() {
  if (::geteuid() != 0) return "needs root";
  if (::access("/bin/busybox", X_OK) != 0) return "needs busybox-static";
  return nullptr;
}

NamespaceFixture::NamespaceFixture() {
  if (skip_reason() != nullptr) return;
  const auto layer = directory_ / "layer";
  for (const char* folder : {"/bin", "/etc", "/tmp", "/proc", "/sys", "/dev", "/data"})
    FULCRUM_ASSERT(sys::make_directories(layer + folder).has_value());
  ::chmod((layer + "/tmp").c_str(), 01777);
  FULCRUM_ASSERT(::chmod(directory_.path().c_str(), 0755) == 0);
  FULCRUM_ASSERT(fulcrum::run({.argv = {"cp", "/bin/busybox", layer + "/bin/busybox"}}, {}, StopSource::never(), soon())->status.ok());
  FULCRUM_ASSERT(fulcrum::run({.argv = {"/bin/busybox", "--install", "-s", layer + "/bin"}}, {}, StopSource::never(), soon()).has_value());
  const auto programs = sys::list_directory(layer + "/bin");
  for (const auto& name : *programs) {  // --install makes links to where busybox was run from
    if (name == "busybox") continue;
    ::unlink((layer + "/bin/" + name).c_str());
    FULCRUM_ASSERT(::symlink("busybox", (layer + "/bin/" + name).c_str()) == 0);
  }
  FULCRUM_ASSERT(
      sys::write_file_atomic(layer + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:web:/home/web:/bin/sh\n").has_value());
  FULCRUM_ASSERT(sys::write_file_atomic(layer + "/etc/group", "root:x:0:\nweb:x:1001:\nwheel:x:10:web\n").has_value());
  FULCRUM_ASSERT(sys::write_file_atomic(layer + "/data/seed", "from the image\n").has_value());
  config_ = {.data_dir = directory_ / "d",
             .run_dir = directory_ / "r",
             .runtime = binary("fulcrum-oci"),
             .shim = binary("fulcrum-shim"),
             .init = binary("fulcrum-init"),
             .cgroup_parent = "/fulcrum-sandbox-" + sys::random_hex(6)};
  reopen();
}

NamespaceFixture::~NamespaceFixture() {
  if (sandbox_ == nullptr) return;
  if (const auto ids = sandbox_->list()) {
    for (const auto& id : *ids) (void)sandbox_->remove(id, false);
  }
  if (const auto layout = CgroupLayout::detect()) {
    if (const auto group = Cgroup::open(*layout, config_.cgroup_parent)) (void)group->destroy(StopSource::never(), soon());
  }
}

void NamespaceFixture::reopen() {
  auto opened = NamespaceSandbox::open(config_);
  FULCRUM_ASSERT(opened.has_value());
  sandbox_ = std::move(*opened);
}

Plan NamespaceFixture::shell(const std::string& id, const std::string& script) {
  Plan plan{.id = WorkloadId(id), .name = id, .run = 1};
  plan.layer_dirs = {layer()};
  plan.image_config =
      R"({"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin","FROM=image"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":[]}})";
  plan.hostname = id;
  plan.spec.network = "none";
  plan.spec.command.words = {"sh", "-c", script};
  return plan;
}

Plan NamespaceFixture::plan(const std::string& id, const Behaviour& behaviour) {
  std::string script;
  if (behaviour.ignore_term) {
    script += "trap '' TERM; ";
  } else {
    script += "trap 'exit 143' TERM; ";
  }
  script += "printf %s " + quote_word(behaviour.output) + "; ";
  script += behaviour.forever ? "while :; do sleep 1000 & wait; done" : "exit " + std::to_string(behaviour.exit_code);
  return shell(id, script);
}

api::ExecSpec NamespaceFixture::exec_spec(int exit_code, const std::string& output) {
  return {.command = {{"sh", "-c", "printf %s " + quote_word(output) + "; exit " + std::to_string(exit_code)}}};
}

std::vector<std::string> NamespaceFixture::leaks() {
  std::vector<std::string> found;
  for (const auto& folder : {config_.data_dir + "/workloads", config_.run_dir + "/sandboxes", config_.run_dir + "/runtime"}) {
    const auto names = sys::list_directory(folder);
    for (const auto& name : *names) {
      if (name != "~seccomp") found.push_back(folder + "/" + name);
    }
  }
  const auto mounts = sys::read_file("/proc/self/mountinfo");
  if (mounts->find(directory_.path()) != std::string::npos) found.push_back("a mount");
  const auto layout = CgroupLayout::detect();
  const auto group = Cgroup::open(*layout, config_.cgroup_parent);
  for (const auto& folder : group->directories()) {
    const auto names = sys::list_directory(folder);
    for (const auto& name : names.value_or(std::vector<std::string>())) {
      if (struct stat st; ::lstat((folder + "/" + name).c_str(), &st) == 0 && S_ISDIR(st.st_mode)) found.push_back(folder + "/" + name);
    }
  }
  const auto processes = sys::list_directory("/proc");
  for (const auto& pid : *processes) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto line = sys::read_file("/proc/" + pid + "/cmdline");
    if (line && line->find("--directory=" + directory_.path()) != std::string::npos) found.push_back("process " + pid);
  }
  return found;
}

ClientPair make_client() {
  int fds[2];
  FULCRUM_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::string receive_raw(int fd) {
  std::string all;
  char buffer[4096];
  while (wait_any(StopSource::never(), soon(), {{fd, POLLIN}})) {
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) return all;
    all.append(buffer, static_cast<std::size_t>(n));
  }
  return all + "<timeout>";
}

Received receive_frames(int fd) {
  const auto all = receive_raw(fd);
  Received received;
  std::string_view rest = all;
  while (!rest.empty()) {
    const auto head = parse_frame_header(rest);
    if (!head || rest.size() < kFrameHeader + head->length) {
      received.error += "<broken stream>";
      break;
    }
    const auto payload = rest.substr(kFrameHeader, head->length);
    if (head->type == FrameType::output) received.out += payload;
    if (head->type == FrameType::error_output) received.err += payload;
    if (head->type == FrameType::exit) received.exit += payload;
    if (head->type == FrameType::error) received.error += payload;
    rest.remove_prefix(kFrameHeader + head->length);
  }
  return received;
}

Observed wait_stopped(Sandbox& sandbox, const WorkloadId& id) {
  for (;;) {
    const auto watch = sandbox.watch(id);
    FULCRUM_ASSERT(watch.has_value());
    const auto seen = sandbox.observe(id);
    FULCRUM_ASSERT(seen.has_value());
    if (seen->state == State::stopped || seen->state == State::absent) return *seen;
    if (!wait_any(StopSource::never(), soon(), {{watch->get(), POLLIN}})) {
      ADD_FAILURE() << "workload " << id.str() << " does not end";
      return *seen;
    }
  }
}

std::string log_text(Sandbox& sandbox, const WorkloadId& id) {
  std::string text;
  for (int back = 9; back >= 0; --back) {
    const auto file = sys::read_file(shim::log_path(sandbox.log_directory(id), static_cast<std::uint64_t>(back)));
    if (!file) continue;
    for (const auto& line : split(*file, '\n')) {
      shim::LogRecord record;
      if (!shim::parse_log_record(line, record)) continue;
      text += record.text;
      if (!record.partial) text += '\n';
    }
  }
  return text;
}

}  // namespace fulcrum::sandbox
