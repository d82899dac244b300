"""The gRPC server beside the HTTP one: a port, limits, and a drain."""

import grpc
from grpc_health.v1 import health_pb2_grpc
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import add_GRPCInferenceServiceServicer_to_server

from gpux_predictor.access.certificates import Certificate
from gpux_predictor.access.opened import EVERYBODY, Access
from gpux_predictor.http.body import MAX_BODY_BYTES
from gpux_predictor.kserving.grpc_gate import GrpcGate
from gpux_predictor.kserving.grpc_service import Health, Inference
from gpux_predictor.kserving.grpc_tracing import GrpcTraces, TracedInference
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tracing import Tracer


class GrpcServer:
    """A gRPC server for one model.

    Args:
        service: the model.
        host: the address to listen on.
        port: the port.
        drain_seconds: how long calls that were accepted may take after `stop`.
        access: who is let in.
        tracer: makes a span of each call.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        service: ModelService,
        host: str,
        port: int,
        drain_seconds: float,
        access: Access = EVERYBODY,
        tracer: Tracer | None = None,
    ) -> None:
        self._inference = Inference(service) if tracer is None else TracedInference(service)
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._drain_seconds = drain_seconds
        self._health = Health(service)
        self._certificate = access.certificate
        self._server = grpc.aio.server(
            interceptors=_interceptors(access, tracer),
            options=[
                ("grpc.max_receive_message_length", MAX_BODY_BYTES),
                ("grpc.max_send_message_length", MAX_BODY_BYTES),
                ("grpc.so_reuseport", 0),  # or a second server on the port would take half of the calls in silence
            ],
        )

    async def start(self) -> None:
        """Listens.

        Raises:
            RuntimeError: the address cannot be listened on.
        """
        add_GRPCInferenceServiceServicer_to_server(self._inference, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if self._certificate is None:
            self._server.add_insecure_port(self._address)
        else:
            self._server.add_secure_port(self._address, _credentials(self._certificate))
        await self._server.start()

    async def stop(self) -> None:
        """Takes no new calls, and waits for those that were accepted."""
        self._health.stop()
        await self._server.stop(self._drain_seconds)


def _interceptors(access: Access, tracer: Tracer | None) -> list[grpc.aio.ServerInterceptor]:
    """Outermost first: a call that is not let in has a span, too."""
    traced = [] if tracer is None else [GrpcTraces(tracer)]
    return traced if access.gate is None else [*traced, GrpcGate(access.gate)]


def _credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Asks for the certificate at each handshake, from threads of gRPC's own. gRPC speaks TLS 1.2 and 1.3."""

    def configured() -> grpc.ServerCertificateConfiguration:
        pair = certificate.pair
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate)])

    return grpc.dynamic_ssl_server_credentials(configured(), configured)
