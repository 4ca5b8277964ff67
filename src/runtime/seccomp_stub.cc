#include "runtime/seccomp_stub.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "runtime/seccomp.h"

namespace fulcrum::runtime {
namespace {

struct Architecture {
  std::string_view name;
  std::uint32_t token;
};
constexpr auto kArchitectures = std::to_array<Architecture>({{"SCMP_ARCH_X86", SCMP_ARCH_X86},
                                                             {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
                                                             {"SCMP_ARCH_X32", SCMP_ARCH_X32},
                                                             {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
                                                             {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
                                                             {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
                                                             {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
                                                             {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
                                                             {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
                                                             {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
                                                             {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
                                                             {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
                                                             {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
                                                             {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
                                                             {"SCMP_ARCH_S390", SCMP_ARCH_S390},
                                                             {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
                                                             {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
                                                             {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
                                                             {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64}});

constexpr std::uint32_t kX32Bit = 0x4000'0000;

/// The largest system call number of an architecture that the profile names.
std::optional<std::uint32_t> last_named(const oci::Seccomp& profile, std::uint32_t architecture) {
  int last = -1;
  for (const auto& rule : profile.syscalls) {
    for (const auto& name : rule.names) last = std::max(last, seccomp_syscall_resolve_name_arch(architecture, name.c_str()));
  }
  return last < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(last));
}

class Assembler {
 public:
  void load(std::size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)); }
  void jump_if(unsigned condition, std::uint32_t value, std::size_t when_true, std::size_t when_false) {
    emit(BPF_JMP | condition | BPF_K, static_cast<std::uint8_t>(when_true), static_cast<std::uint8_t>(when_false), value);
  }
  void give(std::uint32_t value) { emit(BPF_RET | BPF_K, 0, 0, value); }
  /// Goes to what follows all of this; the distance is filled in by take().
  void leave() {
    leaves_.push_back(out_.size());
    emit(BPF_JMP | BPF_JA, 0, 0, 0);
  }
  std::size_t size() const { return out_.size(); }
  void set_false(std::size_t at, std::size_t target) { out_[at].jf = static_cast<std::uint8_t>(target - at - 1); }
  std::string take() {
    for (const auto at : leaves_) out_[at].k = static_cast<std::uint32_t>(out_.size() - at - 1);
    return {reinterpret_cast<const char*>(out_.data()), out_.size() * sizeof(sock_filter)};
  }

 private:
  void emit(unsigned code, std::uint8_t when_true, std::uint8_t when_false, std::uint32_t value) {
    out_.push_back({static_cast<std::uint16_t>(code), when_true, when_false, value});
  }
  std::vector<sock_filter> out_;
  std::vector<std::size_t> leaves_;
};

constexpr std::uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;

/// With the number loaded: above `last` is ENOSYS, all others go on to the filter.
void bound(Assembler& a, const std::optional<std::uint32_t>& last) {
  if (last) {
    a.jump_if(BPF_JGT, *last, 0, 1);
    a.give(kEnosys);
  }
  a.leave();
}

}  // namespace

std::optional<std::uint32_t> architecture_token(std::string_view name) {
  for (const auto& architecture : kArchitectures) {
    if (architecture.name == name) return architecture.token;
  }
  return std::nullopt;
}

std::vector<std::string> known_seccomp_architectures() {
  std::vector<std::string> out;
  for (const auto& architecture : kArchitectures) out.emplace_back(architecture.name);
  return out;
}

bool wants_enosys(const oci::Seccomp& profile) {
  const auto& action = profile.default_action;
  if (action == "SCMP_ACT_ALLOW" || action == "SCMP_ACT_LOG" || action == "SCMP_ACT_TRACE") return false;
  return !(action == "SCMP_ACT_ERRNO" && profile.default_errno_ret == static_cast<std::uint32_t>(ENOSYS));
}

std::string enosys_prefix(const oci::Seccomp& profile, const std::vector<std::uint32_t>& architectures) {
  const auto has = [&](std::uint32_t token) { return std::find(architectures.begin(), architectures.end(), token) != architectures.end(); };
  const bool x86 = has(SCMP_ARCH_X86_64) || has(SCMP_ARCH_X32);
  Assembler a;
  a.load(offsetof(seccomp_data, arch));
  const auto section = [&](std::uint32_t audit, const auto& body) {
    const auto at = a.size();
    a.jump_if(BPF_JEQ, audit, 0, 0);
    a.load(offsetof(seccomp_data, nr));
    body();
    a.set_false(at, a.size());
  };
  for (const auto token : architectures) {
    if (token == SCMP_ARCH_X86_64 || token == SCMP_ARCH_X32) continue;  // one audit architecture: below
    const auto last = last_named(profile, token);
    if (!last) continue;
    section(token, [&] {
      if (token == SCMP_ARCH_S390 || token == SCMP_ARCH_S390X) {  // numbers too large for the kernel arrive there as 0
        a.jump_if(BPF_JEQ, 0, 0, 1);
        a.give(kEnosys);
      }
      bound(a, last);
    });
  }
  if (x86) {
    section(SCMP_ARCH_X86_64, [&] {
      const auto native = has(SCMP_ARCH_X86_64) ? last_named(profile, SCMP_ARCH_X86_64) : std::nullopt;
      const auto x32 = has(SCMP_ARCH_X32) ? last_named(profile, SCMP_ARCH_X32) : std::nullopt;
      const auto at = a.size();
      a.jump_if(BPF_JGE, kX32Bit, 0, 0);
      bound(a, x32 ? std::optional(*x32 | kX32Bit) : std::nullopt);
      a.set_false(at, a.size());
      bound(a, native);
    });
  }
  return a.take();
}

}  // namespace fulcrum::runtime
