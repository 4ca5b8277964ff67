// POST /containers/create.
#include <unistd.h>

#include <algorithm>

#include "api/docker/container_schema.h"
#include "api/workload/codec.h"
#include "base/sys.h"
#include "control/objects.h"
#include "image/reference.h"
#include "server/docker/container_spec.h"
#include "server/docker/runtimes.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

class EngineSurroundings final : public Surroundings {
 public:
  explicit EngineSurroundings(Api& api) : api_(api) {}
  Result<api::Workload> container(std::string_view reference) const override { return find_container(api_, reference); }
  Result<std::string> network(std::string_view reference) const override {
    const auto all = TRY(api_.native.engine.objects().list<api::Network>(control::kNetworks));
    const api::Network* found = nullptr;
    for (const auto& network : all.items) {
      if (network.spec.name == reference || network.metadata.uid == reference) return network.spec.name;
      if (!network.metadata.uid.starts_with(reference)) continue;
      if (found != nullptr) return fail(Code::invalid_argument, "network {} is ambiguous", reference);
      found = &network;
    }
    if (found == nullptr) return fail(Code::not_found, "network {} not found", reference);
    return found->spec.name;
  }
  Result<api::Topology> runtime(std::string_view name) const override { return runtime_topology(api_.native.topologies, name); }
  Result<bool> exists(const std::string& path) const override { return TRY(sys::lstat(path)).has_value(); }
  unsigned cpus() const override { return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))); }
  bool selinux() const override { return sys::exists("/sys/fs/selinux/enforce"); }

 private:
  Api& api_;
};

/// "/web" → "web". Empty: none given.
Result<std::string> container_name(const Request& request) {
  const std::string given(request.query().get_or("name", ""));
  const auto name = given.starts_with('/') ? given.substr(1) : given;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const bool right = !name.empty() && name.find_first_not_of(kAllowed) == std::string::npos &&
                     std::string_view("_.-").find(name[0]) == std::string_view::npos;
  if (!given.empty() && !right)
    return fail(Code::invalid_argument, "Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", given);
  return name;
}

/// The image that is named, for the platform that is wanted. Errors: not_found, upon which clients pull.
Result<oci::ImageConfig> find_image(Api& api, const std::string& name, const std::string& platform) {
  const auto found = api.native.images.resolve(name);
  if (!found) {
    if (found.error().code != Code::not_found && found.error().code != Code::invalid_argument) return std::unexpected(found.error());
    const auto reference = image::Reference::parse(name);
    if (found.error().code == Code::invalid_argument && !reference) return fail(Code::invalid_argument, "invalid reference format");
    return fail(Code::not_found, "No such image: {}", reference ? reference->familiar() : name);
  }
  auto config = TRY(oci::parse_image_config(found->config), "image {}", name);
  if (platform.empty()) return config;
  const auto is = config.os + "/" + config.architecture;
  if (platform == is || platform == is + "/" + config.variant || platform == config.os || platform == config.architecture) return config;
  return fail(Code::not_found, "image with reference {} was found but its platform ({}) does not match the specified platform ({})", name,
              is, platform);
}

/// Docker's words for a name that is taken: tools match on them.
Error name_conflict(Api& api, const std::string& name, const Error& error) {
  const auto holder = api.native.engine.objects().store().get(control::name_key(name));
  if (!holder || !*holder) return error;
  return {Code::already_exists,
          fmt::format("Conflict. The container name \"/{}\" is already in use by container \"{}\". You have to remove (or rename) that "
                      "container to be able to reuse that name.",
                      name, (*holder)->value)};
}

Result<> create(Api& api, Request& request, ResponseWriter& response) {
  auto uid = control::new_uid();
  SpecRequest wanted{.name = TRY(container_name(request)),
                     .platform = std::string(request.query().get_or("platform", "")),
                     .short_id = control::short_id(uid),
                     .version = version_of(request)};
  wanted.body = TRY(schema::decode_text<api::docker::CreateBody>(TRY(request.read_body()), schema::UnknownFields::reject_set,
                                                                 schema::MemberNames::any_case));
  if (wanted.body.config.image.empty()) return fail(Code::invalid_argument, "config cannot be empty in order to create a container");
  const auto image = TRY(find_image(api, wanted.body.config.image, wanted.platform));
  auto [spec, warnings] = TRY(container_spec(wanted, image, EngineSurroundings(api)));
  const auto name = spec.name;
  const auto made = api.native.engine.create(std::move(spec), false, call_of(request, response), std::move(uid));
  if (!made && made.error().code == Code::already_exists) return std::unexpected(name_conflict(api, name, made.error()));
  return response.send_json(201, schema::encode_text(api::docker::CreateAnswer{.id = TRY(made).metadata.uid, .warnings = warnings}));
}

constexpr Operation kOperations[] = {
    {.method = "POST",
     .path = "/containers/create",
     .handle = create,
     .standing = Standing::degrades,
     .note = "ConsoleSize is kept and shown; the terminal gets its size when a client resizes it. Logs are always bounded (10 MiB, five "
             "files, unless max-size and max-file say otherwise). Refused by name: Links, StorageOpt, DeviceRequests, DriverOpts, OnBuild, "
             "a range of host ports for one port, and what is for Windows only"},
};

}  // namespace

std::span<const Operation> container_create_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
