// Images of the local store.
#include <algorithm>
#include <boost/json.hpp>

#include "api/oci/image_spec.h"
#include "image/image_archive.h"
#include "server/native/body_pipe.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace json = boost::json;

namespace {

using http::Request;
using http::ResponseWriter;

template <class T>
json::array strings(const std::vector<T>& items) {
  json::array array;
  for (const auto& item : items) {
    if constexpr (std::is_same_v<T, std::string>) {
      array.emplace_back(item);
    } else {
      array.emplace_back(item.str());
    }
  }
  return array;
}

std::string familiar(const std::string& tag) {
  const auto reference = image::Reference::parse(tag);
  return reference ? reference->familiar() : tag;
}

json::object image_json(const image::ImageRecord& record, const std::vector<std::string>& holders) {
  json::array tags;
  for (const auto& tag : record.tags) tags.emplace_back(familiar(tag));
  json::object object{{"id", record.id.str()},
                      {"digest", record.manifest.str()},
                      {"mediaType", record.manifest_media_type},
                      {"tags", std::move(tags)},
                      {"repoDigests", strings(record.repo_digests)},
                      {"size", record.size},
                      {"added", format_time(record.added)},
                      {"holders", strings(holders)}};
  if (const auto config = oci::parse_image_config(record.config)) {
    object["created"] = config->created;
    object["os"] = config->os;
    object["architecture"] = config->architecture;
    json::object labels;
    for (const auto& [name, value] : config->config.labels) labels[name] = value;
    object["labels"] = std::move(labels);
  }
  return object;
}

json::object detailed_json(Api& api, const image::ImageRecord& record) {
  auto object = image_json(record, api.images.holders(record.id).value_or(std::vector<std::string>{}));
  boost::system::error_code error;
  object["config"] = json::parse(record.config, error);
  json::array layers;
  for (const auto& layer : record.layers)
    layers.push_back(
        {{"diffId", layer.diff_id.str()}, {"digest", layer.blob.str()}, {"mediaType", layer.media_type}, {"size", layer.size}});
  object["layers"] = std::move(layers);
  return object;
}

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  json::array items;
  for (const auto& record : TRY(api.images.list())) items.push_back(image_json(record, TRY(api.images.holders(record.id))));
  return response.send_json(200, json::serialize(json::object{{"items", std::move(items)}}));
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  return response.send_json(200, json::serialize(detailed_json(api, TRY(api.images.inspect(request.param("ref"))))));
}

Result<> history(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto record = TRY(api.images.inspect(request.param("ref")));
  const auto config = TRY(oci::parse_image_config(record.config));
  json::array items;
  std::size_t layer = 0;
  for (const auto& step : config.history) {
    json::object item{{"created", step.created},
                      {"createdBy", step.created_by},
                      {"author", step.author},
                      {"comment", step.comment},
                      {"emptyLayer", step.empty_layer}};
    if (!step.empty_layer && layer < record.layers.size()) {
      item["diffId"] = record.layers[layer].diff_id.str();
      item["size"] = record.layers[layer].size;
      ++layer;
    }
    items.push_back(std::move(item));
  }
  std::reverse(items.begin(), items.end());  // the newest first
  return response.send_json(200, json::serialize(json::object{{"items", std::move(items)}}));
}

Result<> tag(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  boost::system::error_code error;
  const auto body = json::parse(TRY(request.read_body()), error);
  const auto* object = error ? nullptr : body.if_object();
  const auto* source = object != nullptr ? object->if_contains("source") : nullptr;
  const auto* target = object != nullptr ? object->if_contains("target") : nullptr;
  if (source == nullptr || target == nullptr || !source->is_string() || !target->is_string() || object->size() != 2)
    return fail(Code::invalid_argument, "body: {{\"source\", \"target\"}} is wanted");
  const std::string from(source->get_string());
  const auto reference = TRY(image::Reference::parse(std::string_view(target->get_string())), "target");
  TRY(api.images.tag(from, reference));
  TRY(api.engine.objects().record(
      {api.engine.objects().event("image", "tag", TRY(api.images.inspect(from)).id.str(), reference.familiar())}));
  return response.send_empty(204);
}

json::object removed_json(const image::Removed& removed) {
  json::array untagged;
  for (const auto& name : removed.untagged) untagged.emplace_back(familiar(name));
  return {{"untagged", std::move(untagged)}, {"deleted", strings(removed.deleted)}, {"bytes", removed.bytes}};
}

Result<> tell_removed(Api& api, const image::Removed& removed) {
  auto& objects = api.engine.objects();
  std::vector<api::Event> events;
  for (const auto& name : removed.untagged) events.push_back(objects.event("image", "untag", name, familiar(name)));
  for (const auto& gone : removed.deleted) events.push_back(objects.event("image", "delete", gone.str(), gone.str()));
  if (events.size() > 32) events.resize(32);  // one transaction is bounded
  return events.empty() ? Result<>() : objects.record(std::move(events));
}

/// The store knows holders by ID; people know workloads by name.
Error named_users(Api& api, const std::string& reference, const Error& error) {
  if (error.code != Code::failed_precondition) return error;
  const auto record = api.images.inspect(reference);
  const auto holders = record ? api.images.holders(record->id) : Result<std::vector<std::string>>();
  if (!holders || holders->empty()) return error;
  std::string names;
  for (const auto& holder : *holders) {
    const auto workload = api.engine.objects().workload(holder);
    names += (names.empty() ? "" : ", ") + (workload && *workload ? (*workload)->spec.name : control::short_id(holder));
  }
  return {error.code, "image " + reference + " is in use by workload " + names};
}

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"force"}));
  const bool force = TRY(request.query().boolean("force", false));
  const auto attempt = api.images.remove(request.param("ref"), {.force = force});
  if (!attempt) return std::unexpected(named_users(api, request.param("ref"), attempt.error()));
  const auto& removed = *attempt;
  TRY(tell_removed(api, removed));
  return response.send_json(200, json::serialize(removed_json(removed)));
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"all"}));
  auto removed = TRY(api.images.prune(TRY(request.query().boolean("all", false))));
  TRY(tell_removed(api, removed));
  return response.send_json(200, json::serialize(removed_json(removed)));
}

Result<> load(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"platform"}));
  const auto pipe = TRY(BodyPipe::open(request));
  image::LoadSpec spec{.source = pipe->fd()};
  if (const auto platform = request.query().get("platform")) spec.platform = TRY(oci::parse_platform(*platform));
  const auto loaded = image::load_images(api.images, spec, request.stop());
  const auto body = pipe->finish();
  if (!loaded) return std::unexpected(body ? loaded.error() : body.error());
  json::array items;
  std::vector<api::Event> events;
  for (const auto& one : *loaded) {
    items.push_back({{"id", one.id.str()}, {"names", strings(one.names)}});
    if (events.size() < 32)
      events.push_back(api.engine.objects().event("image", "load", one.id.str(), one.names.empty() ? one.id.str() : one.names.front()));
  }
  TRY(api.engine.objects().record(std::move(events)));
  return response.send_json(200, json::serialize(json::object{{"items", std::move(items)}}));
}

Result<> import(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  TRY(only(query, {"reference", "change", "message", "platform"}));
  const auto pipe = TRY(BodyPipe::open(request));
  image::ImportSpec spec{.source = pipe->fd(), .changes = query.all("change"), .message = std::string(query.get_or("message", ""))};
  if (const auto reference = query.get("reference"); reference && !reference->empty())
    spec.tags.push_back(TRY(image::Reference::parse(*reference), "reference"));
  if (const auto platform = query.get("platform")) spec.platform = TRY(oci::parse_platform(*platform));
  const auto id = image::import_image(api.images, spec, request.stop());
  const auto body = pipe->finish();
  if (!id) return std::unexpected(body ? id.error() : body.error());
  TRY(api.engine.objects().record(
      {api.engine.objects().event("image", "import", id->str(), spec.tags.empty() ? id->str() : spec.tags.front().familiar())}));
  return response.send_json(201, json::serialize(json::object{{"id", id->str()}}));
}

Result<> save(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"name"}));
  const auto names = request.query().all("name");
  if (names.empty()) return fail(Code::invalid_argument, "query: name is required");
  for (const auto& name : names) TRY(api.images.inspect(name));  // refused while it still can be
  TRY(response.begin(200, "application/x-tar"));
  return image::save_images(api.images, names, [&](std::string_view data) { return response.write(data); }, request.stop());
}

}  // namespace

void add_image_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view method, std::string_view path, auto handler, http::RouteOptions options = {}) {
    router.add(method, path, bind(api, handler), options);
  };
  const http::RouteOptions upload{.max_body = std::size_t{256} << 30};
  on("GET", "/v1/images", list);
  on("GET", "/v1/images/save", save);
  on("POST", "/v1/images/tag", tag);
  on("POST", "/v1/images/load", load, upload);
  on("POST", "/v1/images/import", import, upload);
  on("POST", "/v1/images/prune", prune);
  on("GET", "/v1/images/{ref...}/history", history);
  on("GET", "/v1/images/{ref...}", inspect);
  on("DELETE", "/v1/images/{ref...}", remove);
}

}  // namespace fulcrum::server::native
