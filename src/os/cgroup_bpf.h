// eBPF programs attached to v2 cgroups.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace fulcrum {

/// One instruction, as the kernel has it (struct bpf_insn).
struct BpfInstruction {
  std::uint8_t code = 0;
  std::uint8_t registers = 0;  ///< destination in the low four bits, source in the high ones
  std::int16_t offset = 0;
  std::int32_t immediate = 0;
  friend bool operator==(const BpfInstruction&, const BpfInstruction&) = default;
};

/// Makes `program` the one device program (BPF_PROG_TYPE_CGROUP_DEVICE) attached at a v2 cgroup folder, replacing what was attached
/// there in one step when the kernel can (5.6), so that no moment is without a filter. Programs of parents stay in force.
/// Errors: unimplemented when the kernel has no such programs; invalid_argument with the verifier's words.
[[nodiscard]] Result<> set_cgroup_device_program(int cgroup_fd, std::span<const BpfInstruction> program);

/// How many device programs are attached right at the folder.
[[nodiscard]] Result<std::size_t> count_cgroup_device_programs(int cgroup_fd);

}  // namespace fulcrum
