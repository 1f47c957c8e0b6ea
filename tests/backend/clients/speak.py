"""Lets an unmodified client talk to the service; prints what it got as a line of JSON.

usage: python speak.py WHO ADDRESS KEY < arguments.json
WHO: earthranger, earthranger-password, earthranger-export, earthranger-reads,
earthranger-reads-async, gundi, movebank
"""

import asyncio
import json
import sys
from datetime import datetime

who, address, key = sys.argv[1:]
given = json.load(sys.stdin)


def earthranger():
    from erclient import ERClient, ERClientException

    login = {"token": key}
    if who == "earthranger-password":
        login = {"username": "anybody", "password": key, "client_id": "das_web_client"}
    client = ERClient(
        service_root=address, provider_key=given["provider"], max_http_retries=0, **login
    )
    answers = []
    for observation in given["posts"]:
        try:
            answers.append(client.post_sensor_observation(observation))
        except ERClientException as error:
            answers.append(f"{type(error).__name__}: {error}")
    return answers


def earthranger_reads():
    from erclient import ERClient, ERClientNotFound

    client = ERClient(service_root=address, token=key, max_http_retries=0)
    subjects = client.get_subjects()
    sources = list(client.get_sources(page_size=1))
    subject, source = subjects[0]["id"], sources[0]["id"]
    times = {name: datetime.fromisoformat(given[name]) for name in given}
    try:
        missing = client.get_subject("00000000-0000-0000-0000-000000000000")
    except ERClientNotFound:
        missing = "not found"
    return {
        "status": client.pulse(),
        "me": client.get_me(),
        "subjects": subjects,
        "subject": client.get_subject(subject),
        "missing": missing,
        "groups": client.get_subjectgroups(),
        "provider": client.get_source_provider("1"),
        "sources": sources,
        "source": client.get_source_by_manufacturer_id(sources[0]["manufacturer_id"]),
        "subject_sources": client.get_subject_sources(subject),
        "assignments": client.get_subjectsources(subject),
        "tracks": client.get_subject_tracks(subject, **times),
        "source_tracks": client.get_subject_source_tracks(subject, source),
        "observations": list(client.get_subject_observations(subject, page_size=2)),
        "of_time": list(client.get_subject_observations(subject, **times)),
        "of_source": list(client.get_source_observations(source)),
        "all": list(client.get_observations(filter_flag=None, include_details=False)),
    }


def earthranger_export():
    from erclient import ERClient

    client = ERClient(service_root=address, token=key, max_http_retries=0)
    subject = client.get_subjects()[0]["id"]
    times = {name: datetime.fromisoformat(given[name]) for name in ("start", "end")}
    group = client.get_subjectgroups()[0]["id"]
    client.export_observations_to_csv(*times.values(), [group], False, given["file"])
    numbered = client.get_objects_multithreaded(object="observations", page_size=2)
    return {
        "tracking": client.get_subject_trackingdata(subject, **times),
        "last": client.get_subject_trackingdata(subject, current_status=True),
        "numbered": sorted(numbered, key=lambda one: one["recorded_at"]),
    }


async def earthranger_reads_async():
    from erclient import AsyncERClient

    async with AsyncERClient(service_root=address, token=key) as client:
        groups = await client.get_subjectgroups()
        source = await client.get_source_by_manufacturer_id(given["manufacturer_id"])
        return {
            "groups": groups,
            "source": source,
            "subjects": await client.get_source_subjects(source["id"]),
            "assignments": await client.get_source_assignments(source_ids=[source["id"]]),
            "observations": [
                one async for one in client.get_observations(source_id=source["id"], page_size=2)
            ],
        }


async def gundi():
    from gundi_client_v2 import GundiDataSenderClient

    client = GundiDataSenderClient(integration_api_key=key, sensors_api_base_url=address)
    return [await client.post_observations(data=data) for data in given["posts"]]


async def movebank():
    from movebank_client import MovebankClient

    async with MovebankClient(base_url=address, username="anybody", password=key) as client:
        studies = await client.get_studies()
        study = studies[0]["id"]
        individuals = await client.get_individuals_by_study(study_id=study)
        times = {name: datetime.fromisoformat(given[name]) for name in given}
        events = [
            event
            async for event in client.get_individual_events_by_time(
                study_id=study, individual_id=individuals[0]["id"], **times
            )
        ]
        return {
            "token": await client.get_token(),
            "studies": studies,
            "study": await client.get_study(study_id=study),
            "individuals": individuals,
            "events": events,
        }


speakers = {
    "earthranger": earthranger,
    "earthranger-password": earthranger,
    "earthranger-export": earthranger_export,
    "earthranger-reads": earthranger_reads,
    "earthranger-reads-async": earthranger_reads_async,
    "gundi": gundi,
    "movebank": movebank,
}
answer = speakers[who]()
print(json.dumps(asyncio.run(answer) if asyncio.iscoroutine(answer) else answer))
