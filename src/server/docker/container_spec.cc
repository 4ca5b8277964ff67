#include "server/docker/container_spec.h"

#include "api/workload/codec.h"
#include "server/docker/notation.h"
#include "server/docker/spec_parts.h"

namespace fulcrum::server::docker {

std::string pinned(const std::string& mode, const Surroundings& around) {
  constexpr std::string_view kPrefix = "container:";
  if (!mode.starts_with(kPrefix)) return mode;
  const auto found = around.container(std::string_view(mode).substr(kPrefix.size()));
  return found ? std::string(kPrefix) + found->metadata.uid : mode;  // who is not there is missed when it starts
}

Result<SpecAnswer> container_spec(const SpecRequest& request, const oci::ImageConfig& image, const Surroundings& around) {
  SpecAnswer answer;
  auto& spec = answer.spec;
  spec.name = request.name;
  spec.platform = request.platform;
  spec.pull = "never";  // the client pulls when it is told that there is no such image
  SpecWork work{request, image, around, spec, answer.warnings};
  TRY(put_config(work));
  TRY(put_host(work));
  TRY(put_resources(work));
  TRY(put_mounts(work));
  TRY(put_networking(work));
  TRY(api::from_json<api::WorkloadSpec>(api::to_json(spec)));  // what every declaration is checked for
  TRY(keep_notation(request.body, image, spec));
  return answer;
}

}  // namespace fulcrum::server::docker
