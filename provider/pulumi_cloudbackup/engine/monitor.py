"""The engine's side of a preview, inside the process of the program: it is given resources and answers for them.

Stands in for the engine's resource monitor (pkg/resource/deploy/source_eval.go and builtins.go, v3.259.0) and
remembers everything that was registered. By itself it answers as in the first preview of an empty stack, and asks no
provider; with somebody who decides (``deciding``) it answers as for what the stack has. What other people's providers
would fill in or compute is unknown, an invoke of a provider's function is unknown unless its result is given, and hooks
are recorded but not run. Called from several threads at once, as a server would be.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped] # as in values
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from pulumi_cloudbackup.engine.registration import (
    PROVIDER_PREFIX,
    Position,
    Registration,
    calls_of,
    options_message,
    options_of,
    position_of,
    sorted_urns,
    urn_of,
)
from pulumi_cloudbackup.engine.transforms import Callbacks
from pulumi_cloudbackup.engine.values import UNKNOWN_TEXT, Secret, from_struct, to_struct
from pulumi_cloudbackup.estate import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi.runtime.proto import callback_pb2

    from pulumi_cloudbackup.engine.deciding import Answer, Deciding

    _Connection = object
else:
    # Older SDKs run transforms and hooks only with what they take for a connection to an engine.
    _Connection = resource_pb2_grpc.ResourceMonitorStub

_INVOKE_ANSWER: Any = getattr(resource_pb2, "ResourceInvokeResponse", provider_pb2.InvokeResponse)
"""Older SDKs have the same answer for invokes as providers."""
_FEATURES: Final = {
    "secrets": "SECRETS",
    "resourceReferences": "RESOURCE_REFERENCES",
    "outputValues": "OUTPUT_VALUES",
    "aliasSpecs": "ALIAS_SPECS",
    "replacementTrigger": "REPLACEMENT_TRIGGER",
    "deletedWith": "DELETED_WITH",
    "replaceWith": "REPLACE_WITH",
    "transforms": "TRANSFORMS",
    "invokeTransforms": "INVOKE_TRANSFORMS",
    "parameterization": "PARAMETERIZATION",
    "resourceHooks": "RESOURCE_HOOKS",
    "errorHooks": "ERROR_HOOKS",
    "sendsOptionsToHooks": "SENDS_OPTIONS_TO_HOOKS",
}
"""What older SDKs ask for one by one, and what newer ones are told at once (supportsFeatureID)."""
_NEWER_FEATURES: Final = ("BYTE_STRING", "INVOKE_DEPENDS_ON", "INVOKE_PARENT", "STATE_MIGRATIONS")
"""What newer SDKs are told besides; state migrations came after v3.259.0 and have nothing to do without a state."""
_STACK_REFERENCE: Final = "pulumi:pulumi:StackReference"
_STASH: Final = "pulumi:pulumi:Stash"
_BUILTIN: Final = "pulumi:pulumi:"
_TYPE_PARTS: Final = 3


class Refused(grpc.RpcError):
    """The engine declines a call; looks to the SDK like the answer of a server."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        super().__init__(text)
        self._text = text

    def code(self) -> grpc.StatusCode:
        """Return what a server would say."""
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        """Return the text."""
        return self._text


@dataclass(frozen=True)
class Rejection:
    """A resource that the engine would not take: the preview fails."""

    text: str
    calls: tuple[Position, ...]
    """The calls that lead to it, innermost first."""


class Monitor(_Connection):
    """What the SDK takes for the engine's resource monitor; the methods in capitals are its protocol."""

    def __init__(  # noqa: PLR0913 - who stands behind the answers
        self,
        project: str,
        stack: str,
        *,
        organization: str = "organization",
        stack_outputs: Mapping[str, Mapping[str, Any]] | None = None,
        own_resources: Mapping[str, Mapping[str, Any]] | None = None,
        functions: Mapping[str, Mapping[str, Any]] | None = None,
        deciding: Deciding | None = None,
    ) -> None:
        """Start with nothing registered.

        ``stack_outputs``: known outputs of other stacks by the name in a reference. ``own_resources``: outputs of what
        the last update of this stack left behind, by URN; ``None``: nobody can tell. ``functions``: what functions of
        providers return, by token. ``deciding``: what becomes of resources; ``None``: all are to be created.
        """
        self._project, self._stack, self._organization = project, stack, organization
        self._stack_outputs = stack_outputs or {}
        self._own_resources = own_resources
        self._functions = functions or {}
        self._deciding = deciding
        self._lock = threading.Lock()
        self._registered: dict[str, Registration] = {}
        self._states: dict[str, struct_pb2.Struct] = {}
        self._outputs: dict[str, Mapping[str, Any]] = {}
        self._transforms: dict[str, Sequence[callback_pb2.Callback]] = {}
        self._stack_transforms: list[callback_pb2.Callback] = []
        self._hooks: set[str] = set()
        self._callbacks = Callbacks()
        self._rejections: list[Rejection] = []
        self._unanswered: list[str] = []
        self._unknown_stacks: list[str] = []

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """All resources in the order in which they were registered or read, the stack first."""
        return tuple(self._registered.values())

    @property
    def outputs(self) -> Mapping[str, Mapping[str, Any]]:
        """What components, and the stack, registered as their outputs, by URN."""
        return dict(self._outputs)

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Resources that were not taken; with any, a preview fails."""
        return tuple(self._rejections)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Functions of providers that the program called, in order: their results are unknown here."""
        return tuple(dict.fromkeys(self._unanswered))

    @property
    def unknown_stacks(self) -> tuple[str, ...]:
        """Other stacks whose outputs the program asked for and nobody gave."""
        return tuple(dict.fromkeys(self._unknown_stacks))

    def close(self) -> None:
        """Close what is open to the program's callback servers."""
        self._callbacks.close()

    def RegisterResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Take a resource and answer as the first preview of its creation would."""
        if (request.custom or request.remote) and len(request.type.split(":")) != _TYPE_PARTS:
            text = f"Type '{request.type}' is not a valid type token (must have format '*:*:*')"
            raise self._reject(text, calls_of(request))
        self._inherit(request)
        transforms = self._transforms_for(request)
        registration = self._registration(request, transforms)
        self._keep(registration, calls_of(request), request.transforms)
        id_ = UNKNOWN_TEXT if request.type.startswith(PROVIDER_PREFIX) else ""
        if self._deciding is None:
            outputs = self._created(registration, request.object if not transforms else None)
        else:
            answer = self._decided(self._deciding, registration)
            id_, outputs = answer.id or id_, self._with_secrets(registration, answer.outputs)
        with self._lock:
            self._states[registration.urn] = outputs
        return resource_pb2.RegisterResourceResponse(urn=registration.urn, id=id_, object=outputs)

    def RegisterResourceOutputs(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        """Remember the outputs of a component or the stack."""
        outputs = from_struct(request.outputs)
        with self._lock:
            self._outputs[request.urn] = outputs
            registration = self._registered.get(request.urn)
        if self._deciding is not None and registration is not None:
            self._deciding.outputs(registration, outputs)
        return empty_pb2.Empty()

    def ReadResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """Answer for a resource that is not managed here: what the program says of it is known, no more.

        The id stays out of the answer, as with the engine of v3.259.0: the SDK then takes it for unknown in previews.
        """
        registration = Registration(
            urn=urn_of(self._stack, self._project, request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=True,
            remote=False,
            inputs=from_struct(request.properties),
            dependencies=sorted_urns(request.dependencies),
            property_dependencies={},
            options=options_of(
                resource_pb2.TransformResourceOptions(
                    provider=request.provider,
                    version=request.version,
                    plugin_download_url=request.pluginDownloadURL,
                    additional_secret_outputs=request.additionalSecretOutputs,
                )
            ),
            position=position_of(request),
            read_id=request.id,
        )
        self._keep(registration, calls_of(request))
        if self._deciding is not None:
            self._deciding.read(registration)
        state = request.properties
        if request.type == _STACK_REFERENCE:
            state = to_struct(self._referenced(str(registration.inputs.get("name", request.id))))
        with self._lock:
            self._states[registration.urn] = state
        return resource_pb2.ReadResourceResponse(urn=registration.urn, properties=state)

    def ExistsResource(self, _request: Any) -> Any:  # noqa: N802 - the protocol's name; not in every SDK
        """Answer that it is not known whether something exists."""
        return resource_pb2.ExistsResourceResponse(exists=False, unknown=True)

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> Any:  # noqa: N802 - the protocol's name
        """Answer the engine's own functions; those of providers have no known result here."""
        if request.tok.startswith(_BUILTIN):
            answer = _INVOKE_ANSWER()
            getattr(answer, "return").CopyFrom(self._builtin(request.tok, from_struct(request.args)))
            return answer
        given = self._functions.get(request.tok)
        if given is not None:
            answer = _INVOKE_ANSWER()
            getattr(answer, "return").CopyFrom(to_struct(given))
            return answer
        with self._lock:
            self._unanswered.append(request.tok)
        if "unknown" in _INVOKE_ANSWER.DESCRIPTOR.fields_by_name:
            return _INVOKE_ANSWER(unknown=True)
        raise Refused(f"{request.tok} is a function of a provider, and no provider is asked here")

    def Call(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.ResourceCallRequest
    ) -> provider_pb2.CallResponse:
        """Answer a method of a provider's component: its result is unknown."""
        with self._lock:
            self._unanswered.append(request.tok)
        answer = provider_pb2.CallResponse()
        getattr(answer, "return").CopyFrom(to_struct({"result": UNKNOWN}))
        return answer

    def SupportsFeature(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.SupportsFeatureRequest
    ) -> resource_pb2.SupportsFeatureResponse:
        """Answer as the engine does to SDKs that ask for each feature."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def GetDeploymentInfo(self, _request: empty_pb2.Empty) -> Any:  # noqa: N802 - as above; not in every SDK
        """Tell the deployment, and the features as far as this SDK has names for them."""
        names = (f"RESOURCE_MONITOR_FEATURE_{name}" for name in (*_FEATURES.values(), *_NEWER_FEATURES))
        numbers = [getattr(resource_pb2, name) for name in names if hasattr(resource_pb2, name)]
        return resource_pb2.DeploymentInfo(
            project=self._project,
            stack=self._stack,
            organization=self._organization,
            dryRun=True,
            supportedFeatures=numbers,
        )

    def RegisterStackTransform(self, callback: callback_pb2.Callback) -> empty_pb2.Empty:  # noqa: N802 - as above
        """Apply a transform to every resource from now on."""
        with self._lock:
            self._stack_transforms.append(callback)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, _callback: callback_pb2.Callback) -> empty_pb2.Empty:  # noqa: N802 - as above
        """Take a transform of invokes; it changes nothing here, as no provider is asked."""
        return empty_pb2.Empty()

    def RegisterResourceHook(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceHookRequest
    ) -> empty_pb2.Empty:
        """Take a hook; it is not run here."""
        return self._take_hook(request.name)

    def RegisterErrorHook(self, request: Any) -> empty_pb2.Empty:  # noqa: N802 - as above; not in every SDK
        """Take a hook for failures, of which there are none here."""
        return self._take_hook(request.name)

    def RegisterPackage(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterPackageRequest
    ) -> resource_pb2.RegisterPackageResponse:
        """Give a package a reference: the same one whenever it is registered."""
        digest = hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
        return resource_pb2.RegisterPackageResponse(ref=digest[:32])

    def SignalAndWaitForShutdown(self, _request: empty_pb2.Empty) -> empty_pb2.Empty:  # noqa: N802 - as above
        """Let the program end: nothing is left to do."""
        return empty_pb2.Empty()

    def _inherit(self, request: resource_pb2.RegisterResourceRequest) -> None:
        """Fill in what a resource takes over from its parent (inheritFromParent, resolveProvider)."""
        parent = self._registered.get(request.parent)
        if parent is None:
            return
        options = parent.options
        request.deletedWith = request.deletedWith or options.deleted_with
        if not request.HasField("protect") and options.protect is not None:
            request.protect = options.protect
        if not request.HasField("retainOnDelete") and options.retain_on_delete is not None:
            request.retainOnDelete = options.retain_on_delete
        package = request.type.split(":")[0]
        if not request.custom and not request.remote:
            for name, provider in options.providers.items():
                request.providers[name] = request.providers.get(name) or provider
        elif not request.provider:
            own = options.provider if f"::{PROVIDER_PREFIX}{package}::" in options.provider else ""
            request.provider = own or request.providers.get(package, "") or options.providers.get(package, "")

    def _registration(
        self, request: resource_pb2.RegisterResourceRequest, transforms: Sequence[callback_pb2.Callback]
    ) -> Registration:
        """Return what a request asks for after its transforms; may raise RpcError, as transforms are the program's."""
        found: set[str] = set()
        inputs: Mapping[str, Any] = from_struct(request.object, found)
        options = options_message(request)
        dependencies = {*request.dependencies, *found}
        by_property: Mapping[str, frozenset[str]] = {
            key: frozenset(one.urns) for key, one in request.propertyDependencies.items()
        }
        if not by_property and not request.remote:
            by_property = dict.fromkeys(inputs, frozenset(request.dependencies))
        for callback in transforms:
            seen = resource_pb2.TransformRequest(
                name=request.name, type=request.type, parent=request.parent, custom=request.custom, options=options
            )
            changed = self._callbacks.transform(callback, seen, inputs, by_property if request.transforms else {})
            inputs, options = changed.inputs, changed.options
            if request.transforms:  # the engine looks at dependencies again only where a resource has its own
                by_property = changed.property_dependencies
                dependencies = {*options.depends_on, *(urn for urns in by_property.values() for urn in urns)}
        return Registration(
            urn=urn_of(self._stack, self._project, request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            remote=request.remote,
            inputs=inputs,
            dependencies=sorted_urns(dependencies),
            property_dependencies={key: sorted_urns(urns) for key, urns in by_property.items()},
            options=options_of(options),
            position=position_of(request),
        )

    def _transforms_for(self, request: resource_pb2.RegisterResourceRequest) -> list[callback_pb2.Callback]:
        """Return the transforms of a resource in their order: its own, its parents', the stack's."""
        transforms = list(request.transforms)
        with self._lock:
            urn = request.parent
            while urn:
                transforms += self._transforms.get(urn, ())
                urn = self._registered[urn].parent if urn in self._registered else ""
            transforms += self._stack_transforms
        return transforms

    def _keep(
        self,
        registration: Registration,
        calls: tuple[Position, ...],
        transforms: Sequence[callback_pb2.Callback] = (),
    ) -> None:
        with self._lock:
            taken = registration.urn in self._registered
            if not taken:
                self._registered[registration.urn] = registration
                self._transforms[registration.urn] = tuple(transforms)
        if taken:
            text = f"Duplicate resource URN '{registration.urn}'; try giving it a unique name"
            raise self._reject(text, calls)

    def _created(self, registration: Registration, unchanged: struct_pb2.Struct | None) -> struct_pb2.Struct:
        """Return the outputs that are known before a resource is created: its inputs."""
        if not registration.custom:
            return struct_pb2.Struct()
        secret = registration.options.additional_secret_outputs
        if unchanged is not None and not secret and registration.type != _STASH:
            return unchanged
        outputs = dict(registration.inputs)
        if registration.type == _STASH:
            outputs["output"] = outputs.get("input")
        return self._with_secrets(registration, outputs)

    def _with_secrets(self, registration: Registration, outputs: Mapping[str, Any]) -> struct_pb2.Struct:
        """Return outputs in the protocol's form, those secret that the program wants so."""
        told = dict(outputs)
        for key in registration.options.additional_secret_outputs:
            if key in told and not isinstance(told[key], Secret):
                told[key] = Secret(told[key])
        return to_struct(told)

    def _decided(self, deciding: Deciding, registration: Registration) -> Answer:
        """Return what is decided about a resource; raise Refused where the preview fails at it."""
        try:
            return deciding.register(registration)
        except ValueError as error:
            raise Refused(str(error)) from None

    def _builtin(self, token: str, arguments: Mapping[str, Any]) -> struct_pb2.Struct:
        match token.removeprefix(_BUILTIN):
            case "readStackOutputs":
                return to_struct(self._referenced(str(arguments.get("name"))))
            case "readStackResourceOutputs" if self._own_resources is not None:
                outputs = {urn: {"outputs": dict(one)} for urn, one in self._own_resources.items()}
                return to_struct({"name": str(arguments.get("stackName")), "outputs": outputs})
            case "readStackResourceOutputs":
                reason = "no backend client is available"
            case "getResource":
                urn = str(arguments.get("urn"))
                with self._lock:
                    found, state = self._registered.get(urn), self._states.get(urn)
                if found is not None and state is not None:
                    answer = to_struct({"urn": urn, "id": "", "provider": found.options.provider, "state": {}})
                    answer.fields["state"].struct_value.CopyFrom(state)
                    return answer
                reason = f"unknown resource {urn}"
            case _:
                reason = f"unrecognized function name: '{token}'"
        raise Refused(f"invocation of {token} returned an error: {reason}")

    def _referenced(self, stack: str) -> dict[str, Any]:
        """Return what is known of another stack: its outputs where they were given, otherwise only its name."""
        outputs = self._stack_outputs.get(stack)
        if outputs is None:
            with self._lock:
                self._unknown_stacks.append(stack)
            return {"name": stack, "outputs": UNKNOWN, "secretOutputNames": UNKNOWN}
        secret = sorted(name for name, value in outputs.items() if isinstance(value, Secret))
        return {"name": stack, "outputs": outputs, "secretOutputNames": secret}

    def _take_hook(self, name: str) -> empty_pb2.Empty:
        with self._lock:
            taken = name in self._hooks
            self._hooks.add(name)
        if taken:
            raise Refused(f'resource hook already registered for name "{name}"')
        return empty_pb2.Empty()

    def _reject(self, text: str, calls: tuple[Position, ...]) -> Refused:
        with self._lock:
            self._rejections.append(Rejection(text, calls))
        return Refused(text)
