use castiron_codegen::emit::rust::runtime::through;
use quote::quote;

#[test]
fn the_runtimes_path_alone_is_another() {
    let tokens = || {
        quote! {
            const A: ::castiron::Arena<{ ::core::cmp::max(1, 2) }> = [::castiron::of(castiron, "::castiron")];
        }
    };
    let expected = quote! {
        const A: castiron_codegen::again::Arena<{ ::core::cmp::max(1, 2) }> = [castiron_codegen::again::of(castiron, "::castiron")];
    };
    let path = quote!(castiron_codegen::again);
    assert_eq!(
        through(Some(&path), tokens()).to_string(),
        expected.to_string()
    );
    assert_eq!(through(None, tokens()).to_string(), tokens().to_string());
}
