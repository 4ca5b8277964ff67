#include "server/docker/image_remove.h"

#include <algorithm>

#include "image/reference.h"

namespace fulcrum::server::docker {

namespace {

bool is_digest_name(const std::string& name) { return name.find('@') != std::string::npos; }

std::string repository(const std::string& name) {
  const auto reference = image::Reference::parse(name);
  return reference ? reference->repository() : name;
}

std::vector<std::string> names_of(const image::ImageRecord& record) {
  auto names = record.tags;
  names.insert(names.end(), record.repo_digests.begin(), record.repo_digests.end());
  return names;
}

bool is_id_prefix(const image::ImageRecord& record, std::string_view text) {
  const std::string_view id = record.id.str();
  return id.starts_with(text) || id.substr(id.find(':') + 1).starts_with(text);
}

/// At most one tag, and all names of its repository.
bool is_single(const std::vector<std::string>& names) {
  if (names.empty()) return false;
  if (std::count_if(names.begin(), names.end(), [](const auto& name) { return !is_digest_name(name); }) > 1) return false;
  return std::all_of(names.begin(), names.end(), [&](const auto& name) { return repository(name) == repository(names.front()); });
}

struct Checks {
  bool soft = false;   ///< stopped containers, too
  bool names = false;  ///< names, too
  bool children = true;
};

struct Conflict {
  std::string text;
  bool used = false;  ///< by a container
};

std::optional<Conflict> conflict(const RemovalFacts& facts, const std::vector<std::string>& names, const Checks& checks) {
  const auto text = [&](std::string_view forced, const std::string& why) {
    return fmt::format("conflict: unable to delete {} ({}) - {}", truncated(facts.record.id.str()), forced, why);
  };
  const auto user = [&](bool running) {
    return std::find_if(facts.users.begin(), facts.users.end(), [&](const ImageUser& u) { return u.running == running; });
  };
  if (checks.children && facts.has_children) return Conflict{.text = text("cannot be forced", "image has dependent child images")};
  if (const auto by = user(true); by != facts.users.end())
    return Conflict{.text = text("cannot be forced", "image is being used by running container " + truncated(by->container)), .used = true};
  if (checks.names && !names.empty()) return Conflict{.text = text("must be forced", "image is referenced in multiple repositories")};
  if (const auto by = user(false); checks.soft && by != facts.users.end())
    return Conflict{.text = text("must be forced", "image is being used by stopped container " + truncated(by->container)), .used = true};
  return std::nullopt;
}

Result<RemovalPlan> plan_by_name(const RemovalFacts& facts, std::string_view reference, bool force) {
  auto names = names_of(facts.record);
  if (!force && is_single(names) && !facts.users.empty())
    return fail(Code::failed_precondition,
                "conflict: unable to remove repository reference \"{}\" (must force) - container {} is using its referenced image {}",
                reference, truncated(facts.users.front().container), truncated(facts.record.id.str()));
  const auto parsed = TRY(image::Reference::parse(reference));
  const auto named = parsed.digest.empty() ? parsed.repository() + ":" + parsed.tag : parsed.repository() + "@" + parsed.digest.str();
  RemovalPlan plan{.untag = {named}};
  std::erase(names, named);
  const auto of_same = [&](const std::string& name) { return repository(name) == parsed.repository(); };
  const bool tags_left =
      std::any_of(names.begin(), names.end(), [&](const std::string& name) { return !is_digest_name(name) && of_same(name); });
  if (!is_digest_name(named) && !tags_left) {
    std::copy_if(names.begin(), names.end(), std::back_inserter(plan.untag), of_same);
    std::erase_if(names, of_same);
  }
  if (!names.empty()) return plan;
  // What keeps a nameless image is told by nobody: its name is gone all the same, and it goes when it can.
  plan.remove = !conflict(facts, names, {.soft = !force, .names = !force});
  return plan;
}

Result<RemovalPlan> plan_by_id(const RemovalFacts& facts, bool force) {
  const auto names = names_of(facts.record);
  const Checks checks{.soft = !force, .names = !force && !is_single(names)};
  if (const auto found = conflict(facts, names, checks)) return fail(Code::failed_precondition, "{}", found->text);
  return RemovalPlan{.untag = names, .remove = true};
}

}  // namespace

Result<RemovalPlan> plan_removal(const RemovalFacts& facts, std::string_view reference, bool force) {
  return is_id_prefix(facts.record, reference) ? plan_by_id(facts, force) : plan_by_name(facts, reference, force);
}

bool is_orphan(const RemovalFacts& facts) { return names_of(facts.record).empty() && !facts.has_children && facts.users.empty(); }

std::string truncated(std::string_view id) {
  if (const auto colon = id.find(':'); colon != std::string_view::npos) id.remove_prefix(colon + 1);
  return std::string(id.substr(0, 12));
}

}  // namespace fulcrum::server::docker
