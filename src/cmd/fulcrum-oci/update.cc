#include <unistd.h>

#include "base/sys.h"
#include "base/units.h"
#include "commands.h"

namespace fulcrum::oci_cli {
namespace {

/// Sizes on runc's command line: "512m", "-1".
Result<std::optional<std::int64_t>> size_flag(const Args& args, std::string_view name) {
  const auto text = args.text(name);
  if (text.empty()) return std::optional<std::int64_t>();
  if (text == "-1") return std::optional<std::int64_t>(-1);
  return std::optional<std::int64_t>(TRY(parse_size(text), "invalid value for {}", name));
}

Result<std::optional<std::int64_t>> number_flag(const Args& args, std::string_view name) {
  if (args.text(name).empty()) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(TRY(args.number(name, 0)));
}

template <class T>
void set(std::optional<T>& to, const std::optional<std::int64_t>& from) {
  if (from) to = static_cast<T>(*from);
}

Result<> cpu_flags(const Args& args, oci::Resources& resources) {
  oci::CpuLimits cpu;
  set(cpu.period, TRY(number_flag(args, "cpu-period")));
  set(cpu.quota, TRY(number_flag(args, "cpu-quota")));
  set(cpu.burst, TRY(number_flag(args, "cpu-burst")));
  set(cpu.shares, TRY(number_flag(args, "cpu-share")));
  set(cpu.realtime_period, TRY(number_flag(args, "cpu-rt-period")));
  set(cpu.realtime_runtime, TRY(number_flag(args, "cpu-rt-runtime")));
  set(cpu.idle, TRY(number_flag(args, "cpu-idle")));
  cpu.cpus = args.text("cpuset-cpus");
  cpu.mems = args.text("cpuset-mems");
  if (cpu != oci::CpuLimits()) resources.cpu = cpu;
  return {};
}

Result<oci::Resources> resources_from_flags(const Args& args) {
  oci::Resources resources;
  TRY(cpu_flags(args, resources));
  oci::MemoryLimits memory;
  set(memory.limit, TRY(size_flag(args, "memory")));
  set(memory.reservation, TRY(size_flag(args, "memory-reservation")));
  set(memory.swap, TRY(size_flag(args, "memory-swap")));
  if (memory != oci::MemoryLimits()) resources.memory = memory;
  oci::PidsLimits pids;
  set(pids.limit, TRY(number_flag(args, "pids-limit")));
  if (pids.limit) resources.pids = pids;
  oci::BlockIoLimits block_io;
  set(block_io.weight, TRY(number_flag(args, "blkio-weight")));
  if (block_io.weight) resources.block_io = block_io;
  return resources;
}

}  // namespace

Result<int> update_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  for (const char* name : {"l3-cache-schema", "mem-bw-schema"}) {
    if (args.has(name)) return fail(Code::unimplemented, "--{}: intelRdt is not supported by this runtime", name);
  }
  for (const char* name : {"kernel-memory", "kernel-memory-tcp"}) {
    if (args.has(name)) session.report.warning(fmt::format("--{} is obsolete and changes nothing", name));
  }
  oci::Resources resources;
  if (const auto file = args.text("resources"); !file.empty()) {
    const auto text = file == "-" ? TRY(sys::read_all(STDIN_FILENO, oci::kMaxSpecBytes)) : TRY(sys::read_file(file, oci::kMaxSpecBytes));
    resources = TRY(oci::parse_resources(text));
    // Device rules are set once, at creation: `update` of runc leaves them alone as well.
    resources.devices.clear();
  } else {
    resources = TRY(resources_from_flags(args));
  }
  TRY(container.update(resources));
  return 0;
}

}  // namespace fulcrum::oci_cli
