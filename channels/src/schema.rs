//! The JSON Schema of values that are written as others are.

/// A value that is read from a text (or whatever `$as` is), and has the schema of that.
macro_rules! written_as {
    ($name:ident, $as:ty) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<$as>()
            }
        }
    };
}

pub(crate) use written_as;
