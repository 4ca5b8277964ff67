#include "runtime/device_rules.h"

#include <linux/bpf.h>
#include <linux/bpf_common.h>

#include <algorithm>
#include <optional>

namespace fulcrum::runtime {
namespace {

constexpr unsigned kAll = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

/// A rule with its wildcards made plain.
struct Rule {
  bool allow = false;
  char type = 'a';
  std::optional<std::uint32_t> major, minor;
  unsigned access = kAll;

  bool everything() const { return type == 'a'; }
  bool same_devices(const Rule& o) const { return type == o.type && major == o.major && minor == o.minor; }
  /// Are all devices of `o` among ours?
  bool covers(const Rule& o) const {
    return (type == 'a' || type == o.type) && (!major || major == o.major) && (!minor || minor == o.minor);
  }
  bool overlaps(const Rule& o) const {
    return (type == 'a' || o.type == 'a' || type == o.type) && (!major || !o.major || major == o.major) &&
           (!minor || !o.minor || minor == o.minor);
  }
};

Rule plain(const oci::DeviceRule& rule) {
  Rule out{.allow = rule.allow};
  if (rule.type == "b" || rule.type == "c") out.type = rule.type.front();
  // As for the kernel, "a" means every device with every access, whatever else stands in the rule.
  if (out.type == 'a') return out;
  if (rule.major && *rule.major >= 0) out.major = static_cast<std::uint32_t>(*rule.major);
  if (rule.minor && *rule.minor >= 0) out.minor = static_cast<std::uint32_t>(*rule.minor);
  if (!rule.access.empty()) {
    out.access = 0;
    for (const char c : rule.access) {
      out.access |= c == 'r' ? BPF_DEVCG_ACC_READ : c == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
    }
  }
  return out;
}

std::string number(const std::optional<std::uint32_t>& n) { return n ? fmt::format("{}", *n) : "*"; }

std::string line_of(const Rule& rule) {
  std::string access;
  if ((rule.access & BPF_DEVCG_ACC_READ) != 0) access += 'r';
  if ((rule.access & BPF_DEVCG_ACC_WRITE) != 0) access += 'w';
  if ((rule.access & BPF_DEVCG_ACC_MKNOD) != 0) access += 'm';
  return fmt::format("{} {}:{} {}", rule.type, number(rule.major), number(rule.minor), access);
}

BpfInstruction instruction(unsigned code, unsigned destination, unsigned source, int offset, std::int64_t immediate) {
  return {.code = static_cast<std::uint8_t>(code),
          .registers = static_cast<std::uint8_t>(destination | source << 4),
          .offset = static_cast<std::int16_t>(offset),
          .immediate = static_cast<std::int32_t>(immediate)};
}

/// A tiny assembler. Registers: r1 context, r2 device type, r3 access still undecided, r4 major, r5 minor, r0 the answer.
class DeviceProgram {
 public:
  DeviceProgram() {
    load(2, 0);
    emit(BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
    emit(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
    emit(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
    load(4, 4);
    load(5, 8);
  }
  void answer(bool allow) {
    emit(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, allow ? 1 : 0);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }
  void rule(const Rule& rule) {
    std::vector<std::size_t> skips;
    const auto skip_unless_equal = [&](unsigned reg, std::int64_t value) {
      skips.push_back(out_.size());
      emit(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, value);
    };
    skip_unless_equal(2, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (rule.major) skip_unless_equal(4, *rule.major);
    if (rule.minor) skip_unless_equal(5, *rule.minor);
    if (rule.access != kAll) {
      if (rule.allow) {  // these bits are granted; the rest must be granted by rules before
        emit(BPF_ALU | BPF_AND | BPF_K, 3, 0, 0, ~static_cast<std::int64_t>(rule.access));
        skip_unless_equal(3, 0);
      } else {
        emit(BPF_ALU | BPF_MOV | BPF_X, 0, 3, 0, 0);
        emit(BPF_ALU | BPF_AND | BPF_K, 0, 0, 0, rule.access);
        skips.push_back(out_.size());
        emit(BPF_JMP32 | BPF_JEQ | BPF_K, 0, 0, 0, 0);
      }
    }
    answer(rule.allow);
    for (const auto at : skips) out_[at].offset = static_cast<std::int16_t>(out_.size() - at - 1);
  }
  std::vector<BpfInstruction> take() { return std::move(out_); }

 private:
  void load(unsigned reg, int offset) { emit(BPF_LDX | BPF_MEM | BPF_W, reg, 1, offset, 0); }
  void emit(unsigned code, unsigned destination, unsigned source, int offset, std::int64_t immediate) {
    out_.push_back(instruction(code, destination, source, offset, immediate));
  }
  std::vector<BpfInstruction> out_;
};

}  // namespace

Result<std::vector<DeviceWrite>> device_writes(const std::vector<oci::DeviceRule>& rules) {
  bool default_allow = false;
  std::vector<Rule> exceptions;  // the other way round than the default
  for (const auto& raw : rules) {
    const auto rule = plain(raw);
    if (rule.everything()) {
      default_allow = rule.allow;
      exceptions.clear();
      continue;
    }
    if (rule.allow != default_allow) {
      const auto at = std::find_if(exceptions.begin(), exceptions.end(), [&](const Rule& e) { return e.same_devices(rule); });
      if (at == exceptions.end()) {
        exceptions.push_back(rule);
      } else {
        at->access |= rule.access;
      }
      continue;
    }
    for (auto& exception : exceptions) {
      if (!rule.overlaps(exception) || (rule.access & exception.access) == 0) continue;
      if (!rule.covers(exception)) {
        return fail(Code::unimplemented, "device rule \"{}\" takes back a part of \"{}\", which cgroup v1 cannot express", line_of(rule),
                    line_of(exception));
      }
      exception.access &= ~rule.access;
    }
    std::erase_if(exceptions, [](const Rule& e) { return e.access == 0; });
  }
  std::vector<DeviceWrite> out{{default_allow, "a"}};
  for (const auto& exception : exceptions) out.push_back({!default_allow, line_of(exception)});
  return out;
}

std::string device_list(const std::vector<DeviceWrite>& writes) {
  if (writes.front().allow) return writes.size() == 1 ? "a *:* rwm\n" : "";  // denied exceptions are not listed: cannot be compared
  std::vector<std::string> lines;
  for (std::size_t i = 1; i < writes.size(); ++i) lines.push_back(writes[i].line + "\n");
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const auto& line : lines) out += line;
  return out;
}

std::vector<BpfInstruction> device_program(const std::vector<oci::DeviceRule>& rules) {
  DeviceProgram program;
  for (auto at = rules.rbegin(); at != rules.rend(); ++at) {  // last first: the last word counts
    const auto rule = plain(*at);
    if (rule.everything()) {
      program.answer(rule.allow);
      return program.take();
    }
    program.rule(rule);
  }
  program.answer(false);
  return program.take();
}

}  // namespace fulcrum::runtime
