//! What the path of a control group says of the container that it belongs to.

/// The last 64 hexadecimal digits that stand in a path as a component of their own, with a
/// runtime's prefix and systemd's suffix taken off. Of nested containers that is the innermost.
/// Monitors (conmon) are not containers.
pub fn id(path: &str) -> Option<&str> {
    path.rsplit('/').find_map(|component| {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        if name.contains("conmon") {
            return None;
        }
        let id = name.rsplit(['-', ':']).next().unwrap_or(name);
        (id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
    })
}

/// The name of a group that a runtime with names of its own made: not the root, not one of
/// systemd's units.
pub fn own_name(path: &str) -> Option<&str> {
    let unit = |c: &str| {
        [".service", ".scope", ".slice", ".mount", ".socket"]
            .iter()
            .any(|suffix| c.ends_with(suffix))
    };
    let last = path.rsplit('/').next().filter(|c| !c.is_empty())?;
    (!path.split('/').any(unit)).then_some(last)
}

/// The uid of the pod in the path of a group that the kubelet made.
pub fn pod_uid(path: &str) -> Option<String> {
    path.rsplit('/').find_map(|component| {
        // systemd: kubepods-burstable-pod<uid>.slice, with `_` for `-`.
        let slice = component
            .strip_suffix(".slice")
            .and_then(|s| s.rsplit('-').next())
            .filter(|_| component.starts_with("kubepods"));
        let uid = slice.unwrap_or(component).strip_prefix("pod")?;
        let uid = uid.replace('_', "-");
        let digits = uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        ((uid.len() == 36 || uid.len() == 32) && digits).then_some(uid)
    })
}

/// The path above, none above the root's children.
pub fn above(path: &str) -> Option<&str> {
    path.rfind('/').map(|end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_from_the_paths_that_runtimes_make() {
        let hex = "ab".repeat(32);
        for path in [
            format!("/docker/{hex}"),
            format!("/system.slice/docker-{hex}.scope"),
            format!("/libpod_parent/libpod-{hex}"),
            format!("/machine.slice/libpod-{hex}.scope/container"),
            format!("/kubepods/besteffort/pod1111/{hex}"),
            format!("/kubepods.slice/cri-containerd-{hex}.scope"),
            format!("/kubepods.slice/kubepods-pod11.slice/crio-{hex}.scope"),
            format!("/system.slice:docker:{hex}"),
            format!("/docker/{hex}/init.scope"),
        ] {
            assert_eq!(id(&path), Some(hex.as_str()), "{path}");
        }
        assert_eq!(id(&format!("/libpod-conmon-{hex}.scope")), None);
        assert_eq!(id("/user.slice/session-1.scope"), None);
    }

    #[test]
    fn of_nested_containers_the_inner_one_counts() {
        let (out, inner) = ("ab".repeat(32), "cd".repeat(32));
        let path = format!("/docker/{out}/docker/{inner}");
        assert_eq!(id(&path), Some(inner.as_str()));
    }

    #[test]
    fn units_of_systemd_are_not_containers() {
        assert_eq!(own_name("/demo"), Some("demo"));
        assert_eq!(own_name("/"), None);
        assert_eq!(own_name("/system.slice/ssh.service"), None);
    }

    #[test]
    fn the_kubelets_paths_hold_the_pods_uid() {
        let uid = "11111111-2222-3333-4444-555555555555";
        let hex = "ab".repeat(32);
        let slice = uid.replace('-', "_");
        for path in [
            format!("/kubepods/besteffort/pod{uid}/{hex}"),
            format!("/kubepods.slice/kubepods-pod{slice}.slice/cri-containerd-{hex}.scope"),
        ] {
            assert_eq!(pod_uid(&path).as_deref(), Some(uid), "{path}");
        }
        assert_eq!(pod_uid("/libpod_parent/podman"), None);
    }
}
