//! One field: the rule of its guard, and the wrapper that the GraphQL library calls.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Expr, ExprLit, ImplItemFn, Lit, Meta, Signature, Token, Type, Visibility,
    parse_quote,
};

use crate::options::Options;
use crate::output::Conversion;
use crate::parameter::{self, is_graphql};
use crate::plain::{self, Plain};

/// Clippy reports functions with more parameters.
const MAX_ARGUMENTS: usize = 7;

/// Where the resolvers of a type are.
#[derive(Clone, Copy)]
pub(crate) enum Receiver<'a> {
    /// On the type itself.
    Itself,
    /// On this type. The GraphQL library calls a wrapper of a reference to it.
    Reference(&'a Type),
}

/// A field, as the GraphQL library takes it.
pub(crate) struct Field {
    pub(crate) wrapper: ImplItemFn,
    /// The function as written, if the wrapper calls it.
    pub(crate) resolver: Option<ImplItemFn>,
    pub(crate) plain: Option<Plain>,
}

/// Whether the function is not a field.
pub(crate) fn is_skipped(function: &ImplItemFn) -> bool {
    let options =
        function.attrs.iter().filter(|it| is_graphql(it)).filter_map(|it| options(it).ok());
    options.flatten().any(|option| matches!(option, Meta::Path(path) if path.is_ident("skip")))
}

/// Expands the resolver of a field.
pub(crate) fn expand(
    mut resolver: ImplItemFn,
    object: &Options,
    receiver: Receiver<'_>,
) -> syn::Result<Field> {
    let mut signature = match receiver {
        Receiver::Itself => resolver.sig.clone(),
        Receiver::Reference(named) => with_self(&resolver.sig, named)?,
    };
    let call = parameter::expand(&mut signature)?;
    let mut attributes = resolver.attrs.clone();
    let guard = find_guard(&mut attributes)?;
    if guard.is_none() && object.is_root() {
        let message = "this field has no rule: add `#[graphql(guard = \"…\")]`, such as `Public`";
        return Err(syn::Error::new_spanned(&signature.ident, message));
    }
    let plain = match receiver {
        Receiver::Itself => None,
        Receiver::Reference(_) => {
            plain_field(&resolver, object, guard.as_ref().map(|(_, guard)| guard))
        }
    };
    let conversion = Conversion::apply(&mut signature, guard.is_some(), object.is_subscription());
    if let Some((attribute, guard)) = guard {
        *attribute = guard.attribute(object, receiver, conversion.wraps_value, &signature)?;
    }
    let is_written_for_library =
        conversion.is_identity() && !call.has_page && signature.asyncness.is_none();
    if is_written_for_library && matches!(receiver, Receiver::Itself) {
        let wrapper = ImplItemFn { attrs: attributes, ..resolver };
        return Ok(Field { wrapper, resolver: None, plain });
    }

    // As written: a `self` of this macro would be another one inside of a `macro_rules!`.
    let this = resolver.sig.receiver().map(|receiver| receiver.self_token);
    let (target, name) = match receiver {
        Receiver::Itself => {
            resolver.vis = Visibility::Inherited;
            let span = resolver.sig.ident.span();
            resolver.sig.ident = format_ident!("__{}", resolver.sig.ident, span = span);
            (quote!(#this), &resolver.sig.ident)
        }
        Receiver::Reference(_) => (quote!(#this.0), &resolver.sig.ident),
    };
    let arguments = call.arguments;
    let resolved = quote!(#target.#name(#(#arguments),*));
    // Boxed: the library moves futures of the size of the largest field.
    let resolved = match (signature.asyncness, &plain) {
        (Some(_), None) => quote!(::std::boxed::Box::pin(#resolved).await),
        (Some(_), Some(_)) => quote!(#resolved.await),
        (None, _) => resolved,
    };
    let result = conversion.convert(resolved);
    let wrapper = wrapper_of(&attributes, &signature, &result);
    resolver.attrs.retain(|attribute| !is_graphql(attribute));
    parameter::strip(&mut resolver.sig);
    Ok(Field { wrapper, resolver: Some(resolver), plain })
}

/// The guard of a field, and the attribute that states it. None if the field has no guard.
fn find_guard(attributes: &mut [Attribute]) -> syn::Result<Option<(&mut Attribute, Guard)>> {
    if let Some(second) = attributes.iter().filter(|it| is_graphql(it)).nth(1) {
        // The library reads the first one only: a guard in another would not be enforced.
        let message = "a field has one `#[graphql(…)]`: add these options to the first one";
        return Err(syn::Error::new_spanned(second, message));
    }
    let guard = attributes.iter_mut().filter(|it| is_graphql(it)).find_map(|attribute| {
        Guard::take(attribute).transpose().map(|guard| guard.map(|guard| (attribute, guard)))
    });
    guard.transpose()
}

/// The field on a reference, if it is plain. None if it is not, or if an attribute may change it.
fn plain_field(resolver: &ImplItemFn, object: &Options, guard: Option<&Guard>) -> Option<Plain> {
    let has_other_options = match guard {
        Some(guard) => !guard.others.is_empty(),
        None => attributes_of(resolver).next().is_some(),
    };
    if has_other_options {
        return None;
    }
    let demand = guard.map(|guard| guard.demand(object, &quote!(self)));
    plain::field(resolver, &camel_case(resolver), demand)
}

/// The function that the GraphQL library calls for a field. It returns `result`, an expression.
fn wrapper_of(attributes: &[Attribute], signature: &Signature, result: &TokenStream) -> ImplItemFn {
    let is_kept =
        |it: &&Attribute| ["doc", "cfg", "graphql"].iter().any(|name| it.path().is_ident(name));
    let attributes = attributes.iter().filter(is_kept);
    // A `Page` is four arguments of the field: the resolver itself has one.
    let exceeds_limit = (signature.inputs.len() > MAX_ARGUMENTS).then(
        || quote!(#[expect(clippy::too_many_arguments, reason = "the arguments of the field")]),
    );
    parse_quote! {
        #(#attributes)*
        #exceeds_limit
        #signature {
            #result
        }
    }
}

/// The attributes that may change a field: all but its documentation.
fn attributes_of(resolver: &ImplItemFn) -> impl Iterator<Item = &Attribute> {
    resolver.attrs.iter().filter(|attribute| !attribute.path().is_ident("doc"))
}

/// The name of a field in the schema.
fn camel_case(resolver: &ImplItemFn) -> String {
    let name = resolver.sig.ident.unraw().to_string();
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// The options of a guard.
struct Guard {
    rule: Expr,
    scope: Option<String>,
    others: Punctuated<Meta, Token![,]>,
}

impl Guard {
    /// Removes the guard and its scope from the options of a field. None if it has no guard.
    fn take(attribute: &Attribute) -> syn::Result<Option<Self>> {
        let mut others = options(attribute)?;
        let scope = take(&mut others, "scope");
        let Some(rule) = take(&mut others, "guard") else {
            return match scope {
                Some(scope) => {
                    let message =
                        "a scope belongs to a rule: add `guard = \"…\"`, such as `Public`";
                    Err(syn::Error::new_spanned(scope, message))
                }
                None => Ok(None),
            };
        };
        let rule = match &rule {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.parse().map_err(|_| {
                let message = "expected a rule, such as `guard = \"SignedIn\"`";
                syn::Error::new_spanned(text, message)
            })?,
            _ => rule,
        };
        let scope = scope.map(|scope| text(&scope)).transpose()?;
        Ok(Some(Self { rule, scope, others }))
    }

    /// The OAuth scope that the field needs, an `Option`.
    fn scope(&self, object: &Options) -> TokenStream {
        match self.scope.clone().or_else(|| object.scope()) {
            Some(scope) => quote!(::core::option::Option::Some(#scope)),
            None => quote!(::core::option::Option::None),
        }
    }

    /// What the guard demands, of the object `row` if the rule depends on it.
    fn demand(&self, object: &Options, row: &TokenStream) -> TokenStream {
        let (rule, name, scope) = (&self.rule, object.object.to_string(), self.scope(object));
        let demand = quote!((#rule).with_scope(#scope));
        match object.is_root() || is_public(rule) {
            true => quote!(#demand.without_object(#name)),
            // Without a `Resource`, the error is at the rule.
            false => quote_spanned!(rule.span()=> #demand.of(#name, #row)),
        }
    }

    /// The options of the field for the GraphQL library.
    fn attribute(
        self,
        object: &Options,
        receiver: Receiver<'_>,
        is_semantic_non_null: bool,
        signature: &Signature,
    ) -> syn::Result<Attribute> {
        if object.is_root() && self.scope.is_none() && object.scope().is_none() {
            let message = "this field has no OAuth scope: add \
                 `#[guarded(Query, domain = \"…\")]`, or `scope = \"…\"` beside the guard";
            return Err(syn::Error::new_spanned(&signature.ident, message));
        }
        let row = match receiver {
            Receiver::Itself => quote!(self),
            Receiver::Reference(_) => quote!(self.0),
        };
        let (guard, scope) = (self.demand(object, &row), self.scope(object));
        let Self { rule, others, .. } = self;
        let is_written = || others.iter().any(states_semantic_non_null);
        let non_null = (is_semantic_non_null && !is_written())
            .then(|| quote!(directive = ::hallpass::access::semantic_non_null::apply(),));
        Ok(parse_quote! {
            #[graphql(
                guard = #guard,
                directive = ::hallpass::access::access_rule::apply(
                    (#rule).register(),
                    ::core::option::Option::map(#scope, str::to_owned)
                ),
                #non_null
                #others
            )]
        })
    }
}

fn states_semantic_non_null(option: &Meta) -> bool {
    let Meta::NameValue(pair) = option else { return false };
    let Expr::Call(call) = &pair.value else { return false };
    let Expr::Path(function) = &*call.func else { return false };
    function.path.segments.iter().any(|name| name.ident == "semantic_non_null")
}

/// Whether the rule is `Public`, which needs no row.
fn is_public(rule: &Expr) -> bool {
    match rule {
        Expr::Path(path) => path.path.segments.last().is_some_and(|name| name.ident == "Public"),
        _ => false,
    }
}

fn options(attribute: &Attribute) -> syn::Result<Punctuated<Meta, Token![,]>> {
    attribute.parse_args_with(Punctuated::parse_terminated)
}

/// Removes the option `name` from `options` and returns its value.
fn take(options: &mut Punctuated<Meta, Token![,]>, name: &str) -> Option<Expr> {
    let mut taken = None;
    let mut others = Punctuated::new();
    for option in std::mem::take(options) {
        match option {
            Meta::NameValue(pair) if pair.path.is_ident(name) => taken = Some(pair.value),
            other => others.push(other),
        }
    }
    *options = others;
    taken
}

fn text(expression: &Expr) -> syn::Result<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(syn::Error::new_spanned(other, "expected a string literal")),
    }
}

/// The signature with `named` for `Self`.
fn with_self(signature: &Signature, named: &Type) -> syn::Result<Signature> {
    syn::parse2(replace_self(signature.to_token_stream(), &named.to_token_stream()))
}

fn replace_self(tokens: TokenStream, named: &TokenStream) -> TokenStream {
    let replace = |token| match token {
        TokenTree::Ident(name) if name == "Self" => named.clone(),
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), replace_self(group.stream(), named));
            replaced.set_span(group.span());
            TokenTree::Group(replaced).into()
        }
        other => other.into(),
    };
    tokens.into_iter().flat_map(replace).collect()
}
