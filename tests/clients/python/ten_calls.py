"""Ten calls of Mandate from Python, with nothing but grpcio and the published protos.

Usage: ten_calls.py WORLD.json, the file of `mandate serve --ephemeral --seed … --seed-output WORLD.json`.
"""

import json
import pathlib
import sys
import tempfile
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from grpc_tools import protoc

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def generate(folder):
    """Generates the messages and stubs, as a build would do once."""
    protos = REPOSITORY / "proto"
    arguments = ["protoc", f"-I{protos}", f"-I{REPOSITORY / 'crates/proto/third_party'}"]
    arguments += [f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}", f"--python_out={folder}"]
    arguments += [f"--grpc_python_out={folder}"]
    assert protoc.main(arguments + sorted(map(str, protos.glob("mandate/v1/*.proto")))) == 0
    sys.path.insert(0, folder)


with tempfile.TemporaryDirectory() as generated:
    generate(generated)
    from mandate.v1 import authz_service_pb2 as authz
    from mandate.v1 import authz_service_pb2_grpc, membership_service_pb2_grpc
    from mandate.v1 import membership_service_pb2 as membership
    from mandate.v1 import watch_pb2

world = json.loads(pathlib.Path(sys.argv[1]).read_text())
hansen = world["accounts"]["hansen"]["id"]
ada, ben, cleo = (world["people"][name] for name in ("ada", "ben", "cleo"))


def bearer(token):
    return [("authorization", f"Bearer {token}")]


backend = bearer(world["services"]["backend"]["token"])
channel = grpc.insecure_channel(world["address"])
checks = authz_service_pb2_grpc.AuthzServiceStub(channel)
members = membership_service_pb2_grpc.MembershipServiceStub(channel)


def question(user, permission, **more):
    subject = authz.Subject(user=user["id"])
    return authz.CheckRequest(account=hansen, subject=subject, permission=permission, **more)


def health():
    answer = health_pb2_grpc.HealthStub(channel).Check(
        health_pb2.HealthCheckRequest(service="mandate.v1.AuthzService"), timeout=5
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def check():
    answer = checks.Check(question(ben, "shipments.book"), metadata=backend, timeout=5)
    assert answer.allowed and answer.reason == authz.DECISION_REASON_ROLE
    assert [via.role for via in answer.via] == ["manager"]


def batch_check():
    request = authz.BatchCheckRequest(
        checks=[question(ben, "shipments.book"), question(ben, "users.add"), question(ada, "users.add")]
    )
    results = checks.BatchCheck(request, metadata=backend, timeout=5).results
    assert [result.response.allowed for result in results] == [True, False, True]


def check_stream():
    def questions():
        for number, permission in enumerate(["shipments.book", "users.add"], 1):
            yield authz.CheckStreamRequest(correlation_id=number, check=question(ben, permission))

    answers = checks.CheckStream(questions(), metadata=backend, timeout=5)
    assert {answer.correlation_id: answer.response.allowed for answer in answers} == {1: True, 2: False}


def lookup():
    request = authz.LookupMembersRequest(account=hansen, permission="shipments.book")
    users = checks.LookupMembers(request, metadata=backend, timeout=5).users
    assert ben["id"] in {user.user for user in users}


def watch_and_add_member():
    """Two calls: what the second one writes, the first one hears of."""
    stream = checks.Watch(watch_pb2.WatchRequest(account=hansen), metadata=backend, timeout=30)
    next(stream)  # where it stands
    request = membership.AddMemberRequest(
        account=hansen, user=cleo["id"], roles=["member"], request_id=str(uuid.uuid4())
    )
    first = members.AddMember(request, metadata=bearer(ada["token"]), timeout=5)
    again = members.AddMember(request, metadata=bearer(ada["token"]), timeout=5)  # a retry: it happens once
    assert first.member == again.member and first.member.roles == ["member"]
    changes = (change for message in stream for change in message.changes)
    joined = next(change for change in changes if change.WhichOneof("change") == "member")
    assert joined.member.user == cleo["id"]
    stream.cancel()
    return first.consistency_token


def at_least_as_fresh(token):
    """Whichever server is asked, it shows what the token's write did."""
    fresh = authz.Consistency(at_least_as_fresh=token)
    request = question(cleo, "company.view", consistency=fresh)
    answer = checks.Check(request, metadata=backend, timeout=5)
    assert answer.reason != authz.DECISION_REASON_NOT_A_MEMBER and answer.consistency_token


def refused():
    """The last admin stays: the reason is for programs, the message for people."""
    request = membership.UpdateMemberRequest(account=hansen, user=ada["id"], roles=["member"])
    request.update_mask.paths.append("roles")
    try:
        members.UpdateMember(request, metadata=bearer(ada["token"]), timeout=5)
        raise AssertionError("it was not refused")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        info = error_details_pb2.ErrorInfo()
        assert any(detail.Unpack(info) for detail in rpc_status.from_call(error).details)
        assert (info.domain, info.reason) == ("mandate", "LIMIT_LEAST"), info


def list_in_pages():
    users, token = [], ""
    while True:
        request = membership.ListMembersRequest(account=hansen, page_size=2, page_token=token)
        page = members.ListMembers(request, metadata=backend, timeout=5)
        assert len(page.members) <= 2
        users += [member.user for member in page.members]
        token = page.next_page_token
        if not token:
            break
    assert sorted(users) == sorted(person["id"] for person in (ada, ben, cleo))


health()
check()
batch_check()
check_stream()
lookup()
at_least_as_fresh(watch_and_add_member())
refused()
list_in_pages()
print("ten calls from Python: all as expected")
