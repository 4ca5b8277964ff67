// Images from and to registries: pull, push, and what a registry has.
#include "api/docker/image_schema.h"
#include "control/image_access.h"
#include "server/docker/image_files.h"
#include "server/docker/image_support.h"
#include "server/docker/progress.h"
#include "server/docker/registry_errors.h"
#include "server/native/registry_access.h"

namespace fulcrum::server::docker {

namespace {

using image::registry::Client;

std::string short_digest(const Digest& digest) {
  const auto& text = digest.str();
  return text.substr(text.find(':') + 1, 12);
}

/// What `docker pull` sends: fromImage, and tag, which may be a digest.
Result<image::Reference> pull_reference(const http::Query& query) {
  std::string text(query.get_or("fromImage", ""));
  if (text.ends_with(':')) text.pop_back();  // as `pull -a` sends it
  auto reference = TRY(image::Reference::parse(text));
  const std::string tag(query.get_or("tag", ""));
  if (image::is_digest(tag)) {
    reference.tag.clear();
    reference.digest = Digest(tag);
  } else if (!tag.empty()) {
    if (!image::is_tag(tag)) return fail(Code::invalid_argument, "invalid tag format");
    if (reference.digest.empty()) reference.tag = tag;
  }
  if (reference.familiar_name() == "scratch") return fail(Code::permission_denied, "'scratch' is a reserved name");
  return reference;
}

/// Whether a request names neither tag nor digest, which to Docker's engine means all tags.
bool wants_all_tags(const http::Query& query) {
  const auto name = query.get_or("fromImage", "");
  if (!query.get_or("tag", "").empty()) return false;
  const auto slash = name.rfind('/');
  const auto rest = name.substr(slash == std::string_view::npos ? 0 : slash);
  return rest.find('@') == std::string_view::npos && (rest.find(':') == std::string_view::npos || rest.ends_with(':'));
}

struct PullOptions {
  std::string platform;
  bool known = false;  ///< a credential was given
};

/// One image, with its lines.
Result<> pull_one(Api& api, Client& client, const image::Reference& reference, const PullOptions& options, ProgressStream& stream,
                  const StopSource& stop) {
  TransferLines lines(stream, TransferLines::Direction::pull);
  const control::TransferListener listener{.found =
                                               [&](const std::vector<Digest>& layers) {
                                                 stream.status("Pulling from " + reference.path,
                                                               reference.digest.empty() ? reference.tag : reference.digest.str());
                                                 for (const auto& layer : layers)
                                                   lines.add(layer, short_digest(layer), api.native.images.content().contains(layer));
                                               },
                                           .step = [&](const control::TransferStep& step) { lines.step(step); }};
  const auto pulled =
      control::pull_image(api.native.images, client, {.reference = reference.str(), .platform = options.platform}, listener, stop);
  if (!pulled) return std::unexpected(registry_error(pulled.error(), reference, "pull", options.known));
  TRY(tell_image(api, "pull", TRY(api.native.images.inspect(pulled->id.str())), reference.familiar()));
  stream.status("Digest: " + pulled->digest.str());
  stream.status((pulled->changed ? "Status: Downloaded newer image for " : "Status: Image is up to date for ") + reference.familiar());
  return {};
}

Result<> pull_all(Api& api, Client& client, image::Reference reference, const PullOptions& options, ProgressStream& stream,
                  const StopSource& stop) {
  const auto tags = client.tags(reference, stop, Deadline::never());
  if (!tags) return std::unexpected(registry_error(tags.error(), reference, "pull", options.known));
  for (const auto& tag : *tags) {
    if (!image::is_tag(tag)) continue;  // a registry may claim anything
    reference.tag = tag;
    TRY(pull_one(api, client, reference, options, stream, stop));
  }
  return {};
}

Result<> pull(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  const auto reference = TRY(pull_reference(query));
  const auto credential = TRY(credential_of(request.headers()));
  const bool has_platform = version_of(request) >= ApiVersion{1, 32};
  const PullOptions options{.platform = std::string(has_platform ? query.get_or("platform", "") : ""), .known = !credential.empty()};
  if (!options.platform.empty()) TRY(oci::parse_platform(options.platform), "invalid platform");
  const native::ClientStop stop(request, response);
  ProgressStream stream(response);
  const bool all = wants_all_tags(query);
  const auto done = native::with_client(api.native, credential, reference.domain, false, [&](Client& client) {
    return all ? pull_all(api, client, reference, options, stream, stop.source())
               : pull_one(api, client, reference, options, stream, stop.source());
  });
  return stream.finish(done);
}

/// POST /images/create: a pull with fromImage, else an import.
Result<> create(Api& api, Request& request, ResponseWriter& response) {
  return request.query().get_or("fromImage", "").empty() ? import_image(api, request, response) : pull(api, request, response);
}

/// The names of a push: the one with the tag, or all of the repository's.
Result<std::vector<image::Reference>> push_references(Api& api, const std::string& name, const std::string& tag) {
  auto reference = TRY(image::Reference::parse(name));
  if (!reference.digest.empty()) return fail(Code::invalid_argument, "cannot push a digest reference");
  std::vector<image::Reference> references;
  for (const auto& record : TRY(api.native.images.list()))
    for (const auto& text : record.tags) {
      const auto known = image::Reference::parse(text);
      if (known && known->repository() == reference.repository() && (tag.empty() || known->tag == tag)) references.push_back(*known);
    }
  if (!tag.empty()) reference.tag = tag;
  if (references.empty())
    return fail(Code::not_found, "An image does not exist locally with the tag: {}",
                tag.empty() ? reference.familiar_name() : reference.familiar());
  return references;
}

Result<> push_one(Api& api, Client& client, const image::Reference& reference, ProgressStream& stream, const StopSource& stop) {
  const auto record = TRY(find_image(api, reference.str()));
  TransferLines lines(stream, TransferLines::Direction::push);
  for (auto layer = record.layers.rbegin(); layer != record.layers.rend(); ++layer) lines.add(layer->blob, short_digest(layer->diff_id));
  const control::TransferListener listener{.step = [&](const control::TransferStep& step) { lines.step(step); }};
  const auto pushed = control::push_image(api.native.images, client, reference, listener, stop);
  if (!pushed) return std::unexpected(registry_error(pushed.error(), reference, "push", true));
  TRY(tell_image(api, "push", record, reference.familiar()));
  const auto size = static_cast<std::int64_t>(TRY(api.native.images.content().stat(*pushed)).size);
  stream.status(fmt::format("{}: digest: {} size: {}", reference.tag, pushed->str(), size));
  stream.write({.progress_detail = api::docker::ProgressDetail{},
                .aux = api::docker::ProgressResult{.tag = reference.tag, .digest = pushed->str(), .size = size}});
  return {};
}

Result<> push(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  if (version_of(request) >= ApiVersion{1, 46} && !query.get_or("platform", "").empty())
    return fail(Code::unimplemented, "platform is not supported by push: an image is pushed by its own manifest, which is of one platform");
  const auto references = TRY(push_references(api, request.param("name"), std::string(query.get_or("tag", ""))));
  const auto credential = TRY(credential_of(request.headers()));
  const native::ClientStop stop(request, response);
  ProgressStream stream(response);
  stream.status(fmt::format("The push refers to repository [{}]", references.front().repository()));
  const auto done = native::with_client(api.native, credential, references.front().domain, false, [&](Client& client) -> Result<> {
    for (const auto& reference : references) TRY(push_one(api, client, reference, stream, stop.source()));
    return {};
  });
  return stream.finish(done);
}

Result<> distribution(Api& api, Request& request, ResponseWriter& response) {
  const auto reference = TRY(image::Reference::parse(request.param("name")));
  const auto credential = TRY(credential_of(request.headers()));
  const native::ClientStop stop(request, response);
  const auto found = native::with_client(api.native, credential, reference.domain, false,
                                         [&](Client& client) { return client.describe(reference, stop.source(), Deadline::never()); });
  if (!found) return std::unexpected(registry_error(found.error(), reference, "pull", true));
  return response.send_json(
      200, schema::encode_text(api::docker::DistributionInspect{.descriptor = found->target, .platforms = found->platforms}));
}

constexpr http::RouteOptions kUpload{.max_body = std::size_t{256} << 30};

constexpr std::array kOperations = std::to_array<Operation>({
    {.method = "POST", .path = "/images/create", .handle = create, .options = kUpload},
    {.method = "POST",
     .path = "/images/{name...}/push",
     .handle = push,
     .note = "layers are sent byte for byte as they are stored: what was committed goes uncompressed; platform is refused"},
    {.method = "GET", .path = "/distribution/{name...}/json", .handle = distribution},
    {.method = "GET", .path = "/images/get", .handle = save_several},
    {.method = "GET", .path = "/images/{name...}/get", .handle = save_one},
    {.method = "POST", .path = "/images/load", .handle = load_images, .options = kUpload},
});

}  // namespace

std::span<const Operation> image_transfer_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
