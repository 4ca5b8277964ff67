#include "os/user_namespace.h"

#include <cstdio>
#include <string>

#include "base/sys.h"

namespace fulcrum::os {
namespace {

/// Calls visit(inside, outside, count) for each line of a map.
template <class Visit>
void each_line(std::string_view map, Visit visit) {
  const std::string text(map);
  unsigned inside = 0, outside = 0, count = 0;
  int used = 0;
  for (const char* at = text.c_str(); std::sscanf(at, "%u %u %u%n", &inside, &outside, &count, &used) == 3; at += used)
    visit(inside, outside, count);
}

const std::string& own_map() {
  static const std::string map = sys::read_file("/proc/self/uid_map", 64 << 10).value_or("");
  return map;
}

}  // namespace

bool is_first_user_namespace(std::string_view uid_map) {
  bool whole = false;
  each_line(uid_map,
            [&](unsigned inside, unsigned outside, unsigned count) { whole = inside == 0 && outside == 0 && count == 4294967295u; });
  return whole;
}

std::uint64_t count_ids(std::string_view uid_map) {
  std::uint64_t sum = 0;
  each_line(uid_map, [&](unsigned, unsigned, unsigned count) { sum += count; });
  return sum;
}

bool in_user_namespace() {
  static const bool answer = !own_map().empty() && !is_first_user_namespace(own_map());
  return answer;
}

bool may_set_groups() {
  static const bool answer = !sys::read_file("/proc/self/setgroups", 64).value_or("allow").starts_with("deny");
  return answer;
}

std::uint64_t mapped_user_ids() {
  static const std::uint64_t answer = count_ids(own_map());
  return answer;
}

}  // namespace fulcrum::os
