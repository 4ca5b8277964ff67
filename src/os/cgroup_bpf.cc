#include "os/cgroup_bpf.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/unique_fd.h"

namespace fulcrum {
namespace {

static_assert(sizeof(BpfInstruction) == sizeof(bpf_insn));

long bpf(int command, bpf_attr& attr) { return ::syscall(SYS_bpf, command, &attr, sizeof attr); }

std::uint64_t pointer(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

Result<UniqueFd> load(std::span<const BpfInstruction> program) {
  static constexpr char kLicense[] = "Apache-2.0";  // no helper that asks for the GPL is called
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = pointer(program.data());
  attr.insn_cnt = static_cast<std::uint32_t>(program.size());
  attr.license = pointer(kLicense);
  attr.expected_attach_type = BPF_CGROUP_DEVICE;
  UniqueFd fd(static_cast<int>(bpf(BPF_PROG_LOAD, attr)));
  if (fd.valid()) return fd;
  if (errno == EPERM) return fail_errno(errno, "load device filter");
  // Once more, with the verifier's words.
  std::vector<char> log(64 << 10);
  attr.log_level = 1;
  attr.log_buf = pointer(log.data());
  attr.log_size = static_cast<std::uint32_t>(log.size());
  fd = UniqueFd(static_cast<int>(bpf(BPF_PROG_LOAD, attr)));
  if (fd.valid()) return fd;
  const int error = errno;
  log.back() = '\0';
  if (error == EINVAL && log.front() == '\0') return fail(Code::unimplemented, "device filter: this kernel has no cgroup device programs");
  if (log.front() != '\0') return fail(Code::invalid_argument, "load device filter: {}", log.data());
  return fail_errno(error, "load device filter");
}

constexpr std::size_t kMaxPrograms = 64;  // as the kernel allows for one cgroup

Result<std::vector<std::uint32_t>> attached(int cgroup_fd) {
  std::vector<std::uint32_t> ids(kMaxPrograms);
  bpf_attr attr{};
  attr.query.target_fd = static_cast<std::uint32_t>(cgroup_fd);
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = pointer(ids.data());
  attr.query.prog_cnt = kMaxPrograms;
  if (bpf(BPF_PROG_QUERY, attr) != 0) {
    if (errno == EINVAL) return fail(Code::unimplemented, "device filter: this kernel cannot list cgroup programs");
    return fail_errno(errno, "list device filters");
  }
  ids.resize(std::min<std::size_t>(attr.query.prog_cnt, kMaxPrograms));
  return ids;
}

Result<UniqueFd> open_program(std::uint32_t id) {
  bpf_attr attr{};
  attr.prog_id = id;
  UniqueFd fd(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, attr)));
  if (!fd.valid()) return fail_errno(errno, "open device filter {}", id);
  return fd;
}

bool attach(int cgroup_fd, int program, int replaced) {
  bpf_attr attr{};
  attr.target_fd = static_cast<std::uint32_t>(cgroup_fd);
  attr.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (replaced >= 0) {
    attr.attach_flags |= BPF_F_REPLACE;
    attr.replace_bpf_fd = static_cast<std::uint32_t>(replaced);
  }
  return bpf(BPF_PROG_ATTACH, attr) == 0;
}

Result<> detach(int cgroup_fd, int program) {
  bpf_attr attr{};
  attr.target_fd = static_cast<std::uint32_t>(cgroup_fd);
  attr.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attr.attach_type = BPF_CGROUP_DEVICE;
  if (bpf(BPF_PROG_DETACH, attr) != 0) return fail_errno(errno, "detach device filter");
  return {};
}

}  // namespace

Result<> set_cgroup_device_program(int cgroup_fd, std::span<const BpfInstruction> program) {
  const auto fresh = TRY(load(program));
  std::vector<UniqueFd> old;
  for (const auto id : TRY(attached(cgroup_fd))) old.push_back(TRY(open_program(id)));
  if (old.size() == 1 && attach(cgroup_fd, fresh.get(), old.front().get())) return {};
  // The new one first: with several attached a device must pass all of them.
  if (!attach(cgroup_fd, fresh.get(), -1)) return fail_errno(errno, "attach device filter");
  for (const auto& fd : old) TRY(detach(cgroup_fd, fd.get()));
  return {};
}

Result<std::size_t> count_cgroup_device_programs(int cgroup_fd) { return TRY(attached(cgroup_fd)).size(); }

}  // namespace fulcrum
