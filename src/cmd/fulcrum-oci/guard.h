// Protection of this program's own file from the containers that it enters.
#pragma once

namespace fulcrum::oci_cli {

/// A process inside a container can make us execute /proc/self/exe, which is then this file on the host, and write to it later
/// (CVE-2019-5736). So before root enters a container, the program executes itself again from a detached read-only view of its file,
/// through which nobody can write. Costs one execve and no copy; does nothing when it runs from a read-only mount already (the second time,
/// or when a parent started it that way). Returns when there is nothing to do or it is not possible.
void seal_own_program(char** argv);

}  // namespace fulcrum::oci_cli
