#include "control/facts.h"

#include <algorithm>

namespace fulcrum::control {

namespace {

constexpr std::string_view kIdKey = "/engine/id";

}  // namespace

bool CgroupFacts::has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

Result<std::string> engine_id(Objects& objects) {
  if (const auto stored = TRY(objects.store().get(kIdKey))) return stored->value;
  const auto id = new_uid();
  TRY(objects.store().commit({.compares = {}, .operations = {store::Put{std::string(kIdKey), id}}}));
  return id;
}

}  // namespace fulcrum::control
