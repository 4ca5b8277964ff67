// Images: list, inspect, history, tag, remove, prune.
#include <algorithm>
#include <set>

#include "api/docker/image_schema.h"
#include "server/docker/image_commit.h"
#include "server/docker/image_remove.h"
#include "server/docker/image_support.h"
#include "server/docker/image_view.h"

namespace fulcrum::server::docker {

namespace {

/// The query of a list; before 1.25 it had `filter`, a pattern of names.
Result<http::Query> list_query(const Request& request) {
  auto query = request.query();
  const auto pattern = query.get_or("filter", "");
  if (version_of(request) >= ApiVersion{1, 25} || pattern.empty()) return query;
  if (query.has("filters")) return fail(Code::invalid_argument, "filter and filters cannot be given together");
  query.add("filters", fmt::format(R"({{"reference":[{}]}})", http::json_quote(pattern)));
  return query;
}

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  const auto query = TRY(list_query(request));
  const auto version = version_of(request);
  auto filters = TRY(Filters::parse(query, {"before", "since", "until", "label", "label!", "dangling", "reference"}));
  if (version >= ApiVersion{1, 47} && TRY(query.boolean("manifests", false)))
    return fail(Code::unimplemented, "manifests is not supported: an image is listed by itself, not by the manifests of its index");
  const ImageListOptions options{.all = TRY(query.boolean("all", false)),
                                 .shared_size = version >= ApiVersion{1, 42} && TRY(query.boolean("shared-size", false))};
  auto summaries = TRY(image_summaries(api, options, filters));
  for (auto& summary : summaries) adapt(summary, version);
  return response.send_json(200, schema::encode_text(summaries));
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  const auto record = TRY(find_image(api, request.param("name")));
  const auto config = TRY(oci::parse_image_config(record.config));
  const auto resolved = TRY(api.native.images.resolve(record.id.str()));
  return response.send_json(200, schema::encode_text(image_inspect(record, config, resolved.layer_dirs, version_of(request))));
}

Result<> history(Api& api, Request& request, ResponseWriter& response) {
  const auto record = TRY(find_image(api, request.param("name")));
  const auto entries = TRY(api.native.images.history(record.id.str()));
  std::vector<image::ImageRecord> lineage{record};
  while (!lineage.back().parent.empty() && lineage.size() < entries.size()) {
    auto parent = api.native.images.inspect(lineage.back().parent.str());
    if (!parent) break;  // it was removed
    lineage.push_back(std::move(*parent));
  }
  return response.send_json(200, schema::encode_text(image_history(entries, lineage)));
}

Result<> tag(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  const auto name = TRY(repo_and_tag(query.get_or("repo", ""), query.get_or("tag", "")));
  if (!name) return fail(Code::invalid_argument, "invalid reference format");
  if (name->familiar_name() == "sha256")
    return fail(Code::invalid_argument, "refusing to create an ambiguous tag using digest algorithm as name");
  const auto record = TRY(find_image(api, request.param("name")));
  TRY(api.native.images.tag(record.id.str(), *name));
  TRY(tell_image(api, "tag", record, name->familiar()));
  return response.send_empty(201);
}

/// One removal with its records, and what it leads to.
class Removal {
 public:
  static Result<Removal> prepare(Api& api) { return Removal(api, TRY(image_users(api))); }

  /// `prune`: images that it was made from go, too, when nobody needs them any more.
  Result<> remove(std::string_view reference, bool force, bool prune) {
    const auto record = TRY(find_image(api_, reference));
    const auto users = users_of(record);
    const auto plan = TRY(plan_removal({.record = record, .users = users, .has_children = TRY(has_children(record))}, reference, force));
    TRY(api_.native.images.untag(record.id, plan.untag));
    for (const auto& name : plan.untag) {
      TRY(tell_image(api_, "untag", record, familiar(name)));
      done_.push_back({.untagged = familiar(name)});
    }
    if (!plan.remove) return {};
    TRY(forget(record));
    return prune ? remove_orphans(record.parent) : Result<>();
  }

  /// Every step so far, in order.
  std::vector<api::docker::ImageDelete>& done() { return done_; }

 private:
  Removal(Api& api, std::multimap<std::string, ImageUser> users) : api_(api), users_(std::move(users)) {}

  std::vector<ImageUser> users_of(const image::ImageRecord& record) const {
    std::vector<ImageUser> found;
    const auto [begin, end] = users_.equal_range(record.id.str());
    for (auto it = begin; it != end; ++it) found.push_back(it->second);
    return found;
  }

  Result<bool> has_children(const image::ImageRecord& record) const {
    const auto all = TRY(api_.native.images.list());
    return std::any_of(all.begin(), all.end(), [&](const auto& other) { return other.parent == record.id; });
  }

  Result<> forget(const image::ImageRecord& record) {
    TRY(api_.native.images.forget(record.id));
    TRY(tell_image(api_, "delete", record, record.id.str()));
    done_.push_back({.deleted = record.id.str()});
    if (!users_of(record).empty()) return {};  // its layers stay for those who use them
    std::set<std::string> needed;
    for (const auto& other : TRY(api_.native.images.list()))
      for (auto& chain : chain_ids(other)) needed.insert(std::move(chain));
    auto chains = chain_ids(record);
    std::reverse(chains.begin(), chains.end());
    for (auto& chain : chains)
      if (!needed.contains(chain)) done_.push_back({.deleted = std::move(chain)});
    return {};
  }

  Result<> remove_orphans(image::ImageId id) {
    while (!id.empty()) {
      const auto record = api_.native.images.inspect(id.str());
      if (!record) return {};
      const auto users = users_of(*record);
      if (!is_orphan({.record = *record, .users = users, .has_children = TRY(has_children(*record))})) return {};
      TRY(forget(*record));
      id = record->parent;
    }
    return {};
  }

  Api& api_;
  std::multimap<std::string, ImageUser> users_;
  std::vector<api::docker::ImageDelete> done_;
};

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  const bool force = TRY(request.query().boolean("force", false));
  const bool prune = !TRY(request.query().boolean("noprune", false));
  auto removal = TRY(Removal::prepare(api));
  TRY(removal.remove(request.param("name"), force, prune));
  TRY(api.native.images.collect());
  return response.send_json(200, schema::encode_text(removal.done()));
}

/// Removes what `summary` names, one name after the other; what is in use stays.
Result<> prune_one(Removal& removal, const image::ImageRecord& record) {
  auto names = record.tags;
  names.insert(names.end(), record.repo_digests.begin(), record.repo_digests.end());
  if (names.empty()) names.push_back(record.id.str());
  for (const auto& name : names) {
    const auto removed = removal.remove(name, false, true);
    const bool kept = !removed && (removed.error().code == Code::failed_precondition || removed.error().code == Code::not_found);
    if (!removed && !kept) return removed;
  }
  return {};
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  const auto filters = TRY(Filters::parse(request.query(), {"dangling", "until", "label", "label!"}));
  if (filters.get("until").size() > 1) return fail(Code::invalid_argument, "more than one until filter specified");
  const bool dangling_only = TRY(filters.boolean("dangling")).value_or(true);
  // `dangling` means another thing to a list; the other filters mean the same.
  const auto wanted = TRY(image_summaries(api, {}, filters.without("dangling")));
  auto removal = TRY(Removal::prepare(api));
  for (const auto& summary : wanted) {
    const auto record = api.native.images.inspect(summary.id);
    if (!record || (dangling_only && !record->tags.empty())) continue;
    TRY(prune_one(removal, *record));
  }
  api::docker::ImagePrune report{.space_reclaimed = TRY(api.native.images.collect())};
  if (!removal.done().empty()) report.images_deleted = std::move(removal.done());
  auto& objects = api.native.engine.objects();
  TRY(objects.record({objects.event("image", "prune", "", "", {{"reclaimed", fmt::format("{}", report.space_reclaimed)}})}));
  return response.send_json(200, schema::encode_text(report));
}

constexpr std::string_view kNoSearch =
    "searching is not supported: Docker Hub's search service is no part of a registry, and registries have none; "
    "pull by name, or ask the registry for its catalog";

constexpr std::array kOperations = std::to_array<Operation>({
    {.method = "GET", .path = "/images/json", .handle = list, .standing = Standing::works, .note = "manifests is refused"},
    {.method = "GET", .path = "/images/search", .standing = Standing::refused, .note = kNoSearch},
    {.method = "GET", .path = "/images/{name...}/json", .handle = inspect},
    {.method = "GET", .path = "/images/{name...}/history", .handle = history},
    {.method = "POST", .path = "/images/{name...}/tag", .handle = tag},
    {.method = "POST", .path = "/commit", .handle = commit_container},
    {.method = "POST", .path = "/images/prune", .handle = prune},
    {.method = "DELETE", .path = "/images/{name...}", .handle = remove},
});

}  // namespace

std::span<const Operation> image_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
