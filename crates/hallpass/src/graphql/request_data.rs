//! Data of one request that its resolvers share, such as batch loaders.

use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock};

use hallpass_data::Scope;

use crate::access::RequestAuth;

type Created = Box<dyn Any + Send + Sync>;
type Create = dyn Fn(&RequestAuth, &Scope) -> Created + Send + Sync;

/// A type of request data, and how it is created.
pub(crate) struct RequestDataType {
    id: TypeId,
    create: Box<Create>,
}

impl RequestDataType {
    pub(crate) fn new<T: Any + Send + Sync>(
        create: impl Fn(&RequestAuth, &Scope) -> T + Send + Sync + 'static,
    ) -> Self {
        let create =
            move |auth: &RequestAuth, scope: &Scope| -> Created { Box::new(create(auth, scope)) };
        Self { id: TypeId::of::<T>(), create: Box::new(create) }
    }
}

/// The data of one request, each created when a resolver first asks for it: most requests use little of it.
pub(crate) struct RequestData {
    types: Arc<[RequestDataType]>,
    /// In the order of the types.
    created: Box<[OnceLock<Created>]>,
}

impl RequestData {
    pub(crate) fn new(types: &Arc<[RequestDataType]>) -> Self {
        let created = types.iter().map(|_| OnceLock::new()).collect();
        Self { types: Arc::clone(types), created }
    }

    /// The data of the type `T`. None if no domain has it.
    pub(super) fn get<T: Any>(&self, auth: &RequestAuth, scope: &Scope) -> Option<&T> {
        let at = self.types.iter().position(|it| it.id == TypeId::of::<T>())?;
        self.created[at].get_or_init(|| (self.types[at].create)(auth, scope)).downcast_ref()
    }
}
