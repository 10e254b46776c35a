//! The JSON Schema of values that are written as others are.

/// A value that is read from a text (or whatever `$as` is), and has the schema of that; with a `format`, such as
/// "file" of the name of one that is read.
macro_rules! written_as {
    ($name:ident, $as:ty $(, $format:literal)?) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                #[allow(unused_mut, reason = "most have no format")]
                let mut schema = generator.subschema_for::<$as>();
                $(schema.insert("format".into(), $format.into());)?
                schema
            }
        }
    };
}

pub(crate) use written_as;
