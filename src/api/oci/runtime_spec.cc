#include "api/oci/runtime_spec.h"

#include "api/oci/linux_schema.h"
#include "api/oci/process_schema.h"

namespace fulcrum::schema {

template <>
struct Schema<oci::Spec> {
  static constexpr std::string_view name = "Spec";
  static constexpr std::string_view doc = "config.json of an OCI bundle.";
  static constexpr auto fields = std::tuple{
      required("ociVersion", &oci::Spec::oci_version, "Version of the specification."),
      optional("process", &oci::Spec::process, "What runs."),
      optional("root", &oci::Spec::root, "Root file system."),
      optional("hostname", &oci::Spec::hostname, "Host name."),
      optional("domainname", &oci::Spec::domainname, "NIS domain name."),
      optional("mounts", &oci::Spec::mounts, "Mounts, in order."),
      optional("hooks", &oci::Spec::hooks, "Hooks."),
      optional("annotations", &oci::Spec::annotations, "Arbitrary metadata."),
      optional("linux", &oci::Spec::linux, "What only Linux has."),
  };
};

}  // namespace fulcrum::schema

namespace fulcrum::oci {
namespace {

template <class T>
Result<T> parse(std::string_view json) {
  if (json.size() > kMaxSpecBytes) return fail(Code::resource_exhausted, "{} bytes of JSON, more than {}", json.size(), kMaxSpecBytes);
  return schema::decode_text<T>(json, schema::UnknownFields::ignore);
}

}  // namespace

Result<Spec> parse_spec(std::string_view json) { return parse<Spec>(json); }
Result<Process> parse_process(std::string_view json) { return parse<Process>(json); }
Result<Resources> parse_resources(std::string_view json) { return parse<Resources>(json); }
Result<Seccomp> parse_seccomp(std::string_view json) { return parse<Seccomp>(json); }

std::string to_json(const Spec& spec) { return schema::encode_text(spec); }
std::string to_json(const Process& process) { return schema::encode_text(process); }
std::string to_json(const Resources& resources) { return schema::encode_text(resources); }

}  // namespace fulcrum::oci
