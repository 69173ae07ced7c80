//! What a plugin is, and how an instance of it is kept between calls.

use crate::{Config, Event, Findings};

/// A detection.
pub trait Plugin: Default + 'static {
    /// Called once, before the first event. An error refuses the plugin, or on a reload keeps
    /// the older one in service.
    fn init(&mut self, config: Config<'_>) -> Result<(), String> {
        let _ = config;
        Ok(())
    }

    /// Called for each event that a subscription of the manifest matches, in order.
    fn event(&mut self, event: Event<'_>, findings: &mut Findings);
}

/// What a plugin remembers, handed to its next version on a reload.
pub trait Snapshot: Plugin {
    /// Number of the form of `save`'s bytes; a new form gets a new number.
    const SCHEMA: u32;

    /// Everything that the next version should know.
    fn save(&self) -> Vec<u8>;

    /// Takes over what another version saved. Called after `init`; an error keeps the older
    /// version in service, so an unknown form that can be forgotten should be `Ok`.
    fn restore(&mut self, schema: u32, data: &[u8]) -> Result<(), String>;
}

/// What [`#[plugin]`](crate::prelude::plugin) comes to: exports a type that implements [`Plugin`]
/// from the component; `plugin!(Type, snapshot)` for one that implements [`Snapshot`] too.
///
/// Natively, where tests run, it expands to nothing but a check of the type.
#[macro_export]
macro_rules! plugin {
    ($plugin:ty) => {
        const _: () = {
            $crate::__instance!($plugin);
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::plugin::export_plugin!(Component with_types_in $crate::bindings::plugin);
        };
    };
    ($plugin:ty, snapshot) => {
        const _: () = {
            $crate::__instance!($plugin);

            #[cfg(not(target_arch = "wasm32"))]
            #[used]
            static KEEP_SNAPSHOT: (fn() -> Vec<u8>, fn(u32, Vec<u8>) -> Result<(), String>) = (
                <Component as $crate::bindings::snapshot::exports::vedette::detect::snapshot::Guest>::save,
                <Component as $crate::bindings::snapshot::exports::vedette::detect::snapshot::Guest>::restore,
            );

            impl $crate::bindings::snapshot::exports::vedette::detect::snapshot::Guest
                for Component
            {
                fn schema() -> u32 {
                    <$plugin as $crate::Snapshot>::SCHEMA
                }
                fn save() -> Vec<u8> {
                    INSTANCE.with_borrow(|plugin| $crate::Snapshot::save(plugin))
                }
                fn restore(schema: u32, data: Vec<u8>) -> Result<(), String> {
                    INSTANCE.with_borrow_mut(|plugin| {
                        $crate::Snapshot::restore(plugin, schema, &data)
                    })
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::plugin::export_plugin!(Component with_types_in $crate::bindings::plugin);
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::snapshot::export_snapshot!(Component with_types_in $crate::bindings::snapshot);
        };
    };
}

/// A snapshot as serde writes it: MessagePack with names, so that a field can be added that has a
/// default.
#[doc(hidden)]
#[macro_export]
macro_rules! __serde_snapshot {
    ($plugin:ty, $schema:literal) => {
        impl $crate::Snapshot for $plugin {
            const SCHEMA: u32 = $schema;

            fn save(&self) -> Vec<u8> {
                $crate::instance::save(self)
            }

            fn restore(&mut self, schema: u32, data: &[u8]) -> Result<(), String> {
                *self = $crate::instance::restored(schema, Self::SCHEMA, data)?;
                Ok(())
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __instance {
    ($plugin:ty) => {
        struct Component;

        // Natively nothing calls it, and the compiler would say so of the whole plugin.
        #[cfg(not(target_arch = "wasm32"))]
        #[used]
        static KEEP: fn($crate::raw::Batch) -> Vec<$crate::raw::Finding> =
            <Component as $crate::bindings::plugin::exports::vedette::detect::detector::Guest>::detect;

        std::thread_local! {
            static INSTANCE: std::cell::RefCell<$plugin> =
                std::cell::RefCell::new(<$plugin as Default>::default());
        }

        impl $crate::bindings::plugin::exports::vedette::detect::detector::Guest for Component {
            fn init(config: String) -> Result<(), String> {
                INSTANCE.with_borrow_mut(|plugin| $crate::instance::init(plugin, &config))
            }
            fn detect(batch: $crate::raw::Batch) -> Vec<$crate::raw::Finding> {
                INSTANCE.with_borrow_mut(|plugin| $crate::instance::detect(plugin, &batch))
            }
        }
    };
}

/// The calls of the host, over any plugin.
#[doc(hidden)]
pub mod instance {
    use crate::{Batch, Config, Findings, Plugin, raw};

    pub fn init<P: Plugin>(plugin: &mut P, config: &str) -> Result<(), String> {
        plugin.init(Config::new(config))
    }

    pub fn save<P: serde::Serialize>(plugin: &P) -> Vec<u8> {
        // Only a type's own code can refuse to be written. It traps here, and so the older version
        // stays in service, as with any fault of a plugin.
        rmp_serde::to_vec_named(plugin).expect("serde can write the plugin")
    }

    pub fn restored<P: serde::de::DeserializeOwned>(
        schema: u32,
        own: u32,
        data: &[u8],
    ) -> Result<P, String> {
        if schema != own {
            return Err(format!(
                "it takes over snapshots of schema {own}, not {schema}"
            ));
        }
        rmp_serde::from_slice(data).map_err(|error| error.to_string())
    }

    pub fn detect<P: Plugin>(plugin: &mut P, batch: &raw::Batch) -> Vec<raw::Finding> {
        let mut findings = Findings::default();
        for event in Batch::new(batch).events() {
            plugin.event(event, &mut findings);
        }
        findings.into_raw()
    }
}
