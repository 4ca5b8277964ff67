// Secrets and configs: bytes under a name. A secret's data goes in and never comes out.
#include <algorithm>

#include "control/workload/files.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

constexpr std::size_t kMaxData = 500 << 10;  // bytes, decoded

/// One of the two nouns.
struct Noun {
  std::string_view word;  ///< secret, config
  bool hidden;
  std::string prefix() const { return fmt::format("/{}s/{}/", word, control::kProject); }
};

api::StoredFile shown(const Noun& noun, api::StoredFile file) {
  if (noun.hidden) file.spec.data.clear();
  return file;
}

Result<> list(Api& api, const Noun& noun, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  auto listed = TRY(api.engine.objects().list<api::StoredFile>(noun.prefix()));
  for (auto& file : listed.items) file.spec.data.clear();
  return response.send_json(200, list_json(listed.items, listed.revision));
}

Result<> create(Api& api, const Noun& noun, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  auto& objects = api.engine.objects();
  api::StoredFile file{.spec = TRY(api::from_json<api::FileSpec>(TRY(request.read_body())))};
  if (TRY(control::decode_base64(file.spec.data), "data").size() > kMaxData)
    return fail(Code::invalid_argument, "data: more than {} bytes", kMaxData);
  file.metadata = {.uid = control::new_uid(), .created = objects.clock().now(), .generation = 1};
  const auto revision = objects.store().create(noun.prefix() + file.spec.name, api::to_json(file));
  if (!revision && revision.error().code == Code::already_exists)
    return fail(Code::already_exists, "{} {} exists", noun.word, file.spec.name);
  file.metadata.revision = TRY(revision);
  return response.send_json(201, api::to_json(shown(noun, file)));
}

Result<> inspect(Api& api, const Noun& noun, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto stored = TRY(api.engine.objects().get<api::StoredFile>(noun.prefix() + request.param("name")));
  if (!stored) return fail(Code::not_found, "no such {}: {}", noun.word, request.param("name"));
  return response.send_json(200, api::to_json(shown(noun, stored->object)));
}

Result<> remove(Api& api, const Noun& noun, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto& name = request.param("name");
  for (const auto& workload : TRY(api.engine.objects().workloads()).items) {
    const auto& used = noun.hidden ? workload.spec.secrets : workload.spec.configs;
    if (std::any_of(used.begin(), used.end(), [&](const auto& f) { return f.source == name; }))
      return fail(Code::failed_precondition, "{} {} is in use by workload {}", noun.word, name, workload.spec.name);
  }
  const auto removed = api.engine.objects().store().remove(noun.prefix() + name, store::kAnyRevision);
  if (!removed && removed.error().code == Code::not_found) return fail(Code::not_found, "no such {}: {}", noun.word, name);
  TRY(removed);
  return response.send_empty(204);
}

}  // namespace

void add_secret_routes(http::Router& router, Api& api) {
  for (const auto& noun : {Noun{"secret", true}, Noun{"config", false}}) {
    const auto on = [&](std::string_view method, const std::string& path, auto handler) {
      router.add(method, path, [&api, noun, handler](Request& q, ResponseWriter& a) { return handler(api, noun, q, a); });
    };
    const auto base = fmt::format("/v1/{}s", noun.word);
    on("GET", base, list);
    on("POST", base, create);
    on("GET", base + "/{name}", inspect);
    on("DELETE", base + "/{name}", remove);
  }
}

}  // namespace fulcrum::server::native
