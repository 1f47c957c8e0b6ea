"""Lets an unmodified client talk to the service; prints what it got as a line of JSON.

usage: python speak.py earthranger|earthranger-password|gundi|movebank ADDRESS KEY < arguments.json
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


if who.startswith("earthranger"):
    print(json.dumps(earthranger()))
else:
    print(json.dumps(asyncio.run({"gundi": gundi, "movebank": movebank}[who]())))
