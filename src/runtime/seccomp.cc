#include "runtime/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <tuple>

#include "base/sys.h"
#include "runtime/seccomp_stub.h"

namespace fulcrum::runtime {
namespace {

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

struct NamedFlag {
  std::string_view name;
  std::uint32_t bit;
};
constexpr std::uint32_t kWaitKillableRecv = 1U << 5;  // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, newer than some headers
constexpr std::uint32_t kTsyncEsrch = 1U << 4;
constexpr auto kFlags = std::to_array<NamedFlag>({{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
                                                  {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
                                                  {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
                                                  {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", kWaitKillableRecv}});

long seccomp(unsigned operation, unsigned flags, void* argument) { return ::syscall(SYS_seccomp, operation, flags, argument); }

/// A null program is refused with EFAULT after the flags were accepted, with EINVAL before.
bool kernel_accepts(std::uint32_t flag) {
  if (flag == kWaitKillableRecv) flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  return seccomp(SECCOMP_SET_MODE_FILTER, flag, nullptr) != 0 && errno == EFAULT;
}

Result<std::uint32_t> action_of(std::string_view name, const std::optional<std::uint32_t>& errno_ret, const std::string& path) {
  const auto data = errno_ret.value_or(EPERM) & 0xffff;
  std::uint32_t action = 0;
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") {
    action = SCMP_ACT_KILL_THREAD;
  } else if (name == "SCMP_ACT_KILL_PROCESS") {
    action = SCMP_ACT_KILL_PROCESS;
  } else if (name == "SCMP_ACT_TRAP") {
    action = SCMP_ACT_TRAP;
  } else if (name == "SCMP_ACT_ERRNO") {
    action = SCMP_ACT_ERRNO(data);
  } else if (name == "SCMP_ACT_TRACE") {
    action = SCMP_ACT_TRACE(data);
  } else if (name == "SCMP_ACT_ALLOW") {
    action = SCMP_ACT_ALLOW;
  } else if (name == "SCMP_ACT_LOG") {
    action = SCMP_ACT_LOG;
  } else if (name == "SCMP_ACT_NOTIFY") {
    action = SCMP_ACT_NOTIFY;
  } else {
    return fail(Code::invalid_argument, "{}: \"{}\" is not a seccomp action", path, name);
  }
  std::uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  if (seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &kind) != 0 && errno == EOPNOTSUPP) {
    return fail(Code::unimplemented, "{}: this kernel does not know {}", path, name);
  }
  return action;
}

Result<scmp_compare> operator_of(std::string_view name, const std::string& path) {
  constexpr auto kOperators = std::to_array<std::pair<std::string_view, scmp_compare>>({{"SCMP_CMP_NE", SCMP_CMP_NE},
                                                                                        {"SCMP_CMP_LT", SCMP_CMP_LT},
                                                                                        {"SCMP_CMP_LE", SCMP_CMP_LE},
                                                                                        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                                                                        {"SCMP_CMP_GE", SCMP_CMP_GE},
                                                                                        {"SCMP_CMP_GT", SCMP_CMP_GT},
                                                                                        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}});
  for (const auto& [known, value] : kOperators) {
    if (known == name) return value;
  }
  return fail(Code::invalid_argument, "{}: \"{}\" is not a seccomp operator", path, name);
}

Result<std::vector<std::uint32_t>> add_architectures(const Context& context, const oci::Seccomp& profile) {
  std::vector<std::uint32_t> out{seccomp_arch_native()};
  for (const auto& name : profile.architectures) {
    const auto token = architecture_token(name);
    if (!token) return fail(Code::invalid_argument, "linux.seccomp.architectures: \"{}\" is not an architecture", name);
    const int error = seccomp_arch_add(context.get(), *token);
    if (error != 0 && error != -EEXIST) return fail_errno(-error, "linux.seccomp.architectures: add {}", name);
    if (std::find(out.begin(), out.end(), *token) == out.end()) out.push_back(*token);
  }
  return out;
}

Result<> add_rule(const Context& context, int number, std::uint32_t action, const std::vector<scmp_arg_cmp>& comparisons,
                  std::string_view name) {
  const int error = seccomp_rule_add_array(context.get(), action, number, static_cast<unsigned>(comparisons.size()), comparisons.data());
  if (error != 0) return fail_errno(-error, "linux.seccomp.syscalls: add a rule for {}", name);
  return {};
}

Result<> add_syscall(const Context& context, const oci::SeccompSyscall& rule, std::uint32_t default_action, const std::string& path) {
  const auto action = TRY(action_of(rule.action, rule.errno_ret, path + ".action"));
  if (action == default_action) return {};
  std::vector<scmp_arg_cmp> comparisons;
  std::array<unsigned, 6> uses{};
  bool repeated = false;
  for (const auto& arg : rule.args) {
    if (arg.index > 5) return fail(Code::invalid_argument, "{}.args: index {} is not in 0..5", path, arg.index);
    repeated = ++uses[arg.index] > 1 || repeated;
    comparisons.push_back(
        {.arg = arg.index, .op = TRY(operator_of(arg.op, path + ".args")), .datum_a = arg.value, .datum_b = arg.value_two});
  }
  for (const auto& name : rule.names) {
    const int number = seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) continue;  // newer than libseccomp, or of another architecture
    if (!repeated) {
      TRY(add_rule(context, number, action, comparisons, name));
      continue;
    }
    // libseccomp takes one comparison per argument: more become rules of their own, any of which may match, as in runc.
    for (const auto& one : comparisons) TRY(add_rule(context, number, action, {one}, name));
  }
  return {};
}

Result<std::string> export_program(const Context& context) {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file.valid()) return fail_errno(errno, "memfd for seccomp");
  if (const int error = seccomp_export_bpf(context.get(), file.get()); error != 0) return fail_errno(-error, "compile seccomp");
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno(errno, "compile seccomp");
  return sys::read_all(file.get(), 1 << 20);
}

Result<std::uint32_t> filter_flags(const oci::Seccomp& profile, bool notify) {
  std::uint32_t out = notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0U;
  // Unset differs from empty: then speculation is left alone where it can be, as runc does.
  if (!profile.flags && kernel_accepts(SECCOMP_FILTER_FLAG_SPEC_ALLOW)) out |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  for (const auto& name : profile.flags.value_or(std::vector<std::string>())) {
    const auto* known = std::find_if(kFlags.begin(), kFlags.end(), [&](const NamedFlag& flag) { return flag.name == name; });
    if (known == kFlags.end()) return fail(Code::invalid_argument, "linux.seccomp.flags: \"{}\" is not a seccomp flag", name);
    if (!kernel_accepts(known->bit)) return fail(Code::unimplemented, "linux.seccomp.flags: this kernel does not know {}", name);
    if (known->bit == kWaitKillableRecv && !notify) continue;  // about notifications only
    out |= known->bit;
    if (known->bit == SECCOMP_FILTER_FLAG_TSYNC && notify) out |= kTsyncEsrch;  // both return a value otherwise
  }
  return out;
}

}  // namespace

Result<SeccompProgram> compile_seccomp(const oci::Seccomp& profile) {
  const auto default_action = TRY(action_of(profile.default_action, profile.default_errno_ret, "linux.seccomp.defaultAction"));
  if (default_action == SCMP_ACT_NOTIFY) return fail(Code::invalid_argument, "SCMP_ACT_NOTIFY cannot be used as default action");
  const Context context(seccomp_init(default_action));
  if (!context) return fail(Code::invalid_argument, "linux.seccomp.defaultAction: libseccomp refuses {}", profile.default_action);
  const auto architectures = TRY(add_architectures(context, profile));
  SeccompProgram out;
  std::size_t count = 0;
  for (std::size_t i = 0; i < profile.syscalls.size(); ++i) {
    const auto& rule = profile.syscalls[i];
    TRY(add_syscall(context, rule, default_action, fmt::format("linux.seccomp.syscalls[{}]", i)));
    count += rule.names.size();
    out.notify = out.notify || rule.action == "SCMP_ACT_NOTIFY";
  }
  if (count > 32) std::ignore = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree; older ones have none
  out.flags = TRY(filter_flags(profile, out.notify));
  out.code = TRY(export_program(context));
  if (wants_enosys(profile)) out.code.insert(0, enosys_prefix(profile, architectures));
  if (out.code.size() % sizeof(sock_filter) != 0 || out.code.size() / sizeof(sock_filter) > BPF_MAXINSNS) {
    return fail(Code::resource_exhausted, "linux.seccomp: the filter has more than {} instructions", BPF_MAXINSNS);
  }
  return out;
}

Result<UniqueFd> install_seccomp(const SeccompProgram& program) {
  // The kernel reads the instructions and does not keep the pointer.
  sock_fprog filter{.len = static_cast<unsigned short>(program.code.size() / sizeof(sock_filter)),
                    .filter = static_cast<sock_filter*>(static_cast<void*>(const_cast<char*>(program.code.data())))};
  const long result = seccomp(SECCOMP_SET_MODE_FILTER, program.flags, &filter);
  if (result < 0) return fail_errno(errno, "install seccomp filter");
  return program.notify ? UniqueFd(static_cast<int>(result)) : UniqueFd();
}

std::vector<std::string> known_seccomp_actions() { return {oci::kSeccompActions.begin(), oci::kSeccompActions.end()}; }
std::vector<std::string> known_seccomp_operators() { return {oci::kSeccompOperators.begin(), oci::kSeccompOperators.end()}; }
std::vector<std::string> known_seccomp_flags() { return {oci::kSeccompFlags.begin(), oci::kSeccompFlags.end()}; }

std::vector<std::string> supported_seccomp_flags() {
  std::vector<std::string> out;
  for (const auto& flag : kFlags) {
    if (kernel_accepts(flag.bit)) out.emplace_back(flag.name);
  }
  return out;
}

}  // namespace fulcrum::runtime
