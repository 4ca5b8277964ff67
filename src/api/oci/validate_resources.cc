#include <array>

#include "api/oci/checker.h"

namespace fulcrum::oci {
namespace {

void check_device_rules(Checker& c, const std::vector<DeviceRule>& rules, const std::string& path) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    const auto here = at(path, i);
    c.one_of(here + ".type", rule.type, std::to_array<std::string_view>({"", "a", "b", "c"}));
    if (rule.access.find_first_not_of("rwm") != std::string::npos) c.add(here + ".access", "\"{}\" is not made of r, w and m", rule.access);
    for (const auto& [name, number] : {std::pair{".major", rule.major}, std::pair{".minor", rule.minor}}) {
      if (number && (*number < -1 || *number > 0xffff'ffffLL)) c.add(here + name, "{} is not a device number", *number);
    }
  }
}

void check_memory(Checker& c, const MemoryLimits& memory, const std::string& path) {
  for (const auto& [name, value] :
       {std::pair{".limit", memory.limit}, std::pair{".reservation", memory.reservation}, std::pair{".swap", memory.swap},
        std::pair{".kernel", memory.kernel}, std::pair{".kernelTCP", memory.kernel_tcp}}) {
    if (value && *value < -1) c.add(path + name, "{} is neither a size nor -1", *value);
  }
  const auto limit = memory.limit.value_or(0);
  const auto swap = memory.swap.value_or(0);
  if (limit > 0 && swap > 0 && swap < limit) c.add(path + ".swap", "memory+swap limit should be >= memory limit");
  if (memory.swappiness && *memory.swappiness > 100) c.add(path + ".swappiness", "{} is not in 0..100", *memory.swappiness);
}

void check_cpu(Checker& c, const CpuLimits& cpu, const std::string& path) {
  if (cpu.idle && *cpu.idle != 0 && *cpu.idle != 1) c.add(path + ".idle", "{} is neither 0 nor 1", *cpu.idle);
  if (!cpu.cpus.empty() && !valid_number_list(cpu.cpus)) c.add(path + ".cpus", "\"{}\" is not a CPU list", cpu.cpus);
  if (!cpu.mems.empty() && !valid_number_list(cpu.mems)) c.add(path + ".mems", "\"{}\" is not a node list", cpu.mems);
}

void check_weight(Checker& c, const std::optional<std::uint16_t>& weight, const std::string& path) {
  if (weight && *weight != 0 && (*weight < 10 || *weight > 1000)) c.add(path, "{} is not in 10..1000", *weight);
}

void check_block_io(Checker& c, const BlockIoLimits& io, const std::string& path) {
  check_weight(c, io.weight, path + ".weight");
  check_weight(c, io.leaf_weight, path + ".leafWeight");
  for (std::size_t i = 0; i < io.weight_device.size(); ++i) {
    check_weight(c, io.weight_device[i].weight, at(path + ".weightDevice", i) + ".weight");
    check_weight(c, io.weight_device[i].leaf_weight, at(path + ".weightDevice", i) + ".leafWeight");
  }
}

/// "2MB", "64KB", "1GB": how the kernel names the files.
bool valid_page_size(std::string_view text) {
  if (text.size() < 3 || !text.ends_with('B')) return false;
  text.remove_suffix(1);
  if (std::string_view("KMG").find(text.back()) == std::string_view::npos) return false;
  text.remove_suffix(1);
  return text.front() != '0' && text.size() <= 6 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_unified(Checker& c, const std::map<std::string, std::string>& unified, const std::string& path) {
  for (const auto& [key, value] : unified) {
    const auto here = path + "." + key;
    const bool file_name = key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == std::string::npos;
    const auto dot = key.find('.');
    if (!file_name || dot == std::string::npos || dot == 0 || dot + 1 == key.size()) {
      c.add(here, "\"{}\" must be a file name like controller.setting", key);
    } else if (key.starts_with("cgroup.")) {
      const auto allowed = std::to_array<std::string_view>({"cgroup.max.depth", "cgroup.max.descendants", "cgroup.pressure"});
      c.one_of(here, key, allowed);
    }
    c.no_nul(here, value);
  }
}

}  // namespace

void check_resources(Checker& c, const Resources& resources, const std::string& path) {
  check_device_rules(c, resources.devices, path + ".devices");
  if (resources.memory) check_memory(c, *resources.memory, path + ".memory");
  if (resources.cpu) check_cpu(c, *resources.cpu, path + ".cpu");
  if (resources.block_io) check_block_io(c, *resources.block_io, path + ".blockIO");
  for (std::size_t i = 0; i < resources.hugepage_limits.size(); ++i) {
    const auto& size = resources.hugepage_limits[i].page_size;
    if (!valid_page_size(size)) c.add(at(path + ".hugepageLimits", i) + ".pageSize", "\"{}\" is not a page size like 2MB", size);
  }
  if (resources.network) {
    for (const auto& entry : resources.network->priorities) {
      if (entry.name.empty() || entry.name.size() > 15 || entry.name.find_first_of(std::string_view("/ \n\t\0", 5)) != std::string::npos) {
        c.add(path + ".network.priorities", "\"{}\" is not an interface name", entry.name);
      }
    }
  }
  for (const auto& [device, limits] : resources.rdma) {
    if (device.empty() || device.find_first_of(std::string_view(" \n\t\0", 4)) != std::string::npos) {
      c.add(path + ".rdma", "\"{}\" is not a device name", device);
    }
  }
  check_unified(c, resources.unified, path + ".unified");
}

}  // namespace fulcrum::oci
