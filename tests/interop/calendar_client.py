"""A calendar application: keeps events in a CalDAV calendar. usage: calendar_client.py URL (add|list) CALENDAR [SUMMARY]

It runs in an environment of its own, knows only the CalDAV library, and sends $TOKEN as a bearer token. Prints JSON.
"""

import datetime
import json
import os
import sys

import caldav
from caldav.requests import HTTPBearerAuth

url, verb, name = sys.argv[1:4]
client = caldav.DAVClient(url=url, auth=HTTPBearerAuth(os.environ["TOKEN"]))
principal = client.principal()
day = datetime.datetime(2030, 1, 1, 9, tzinfo=datetime.timezone.utc)

if verb == "add":
    calendar = principal.make_calendar(name=name)
    calendar.save_event(dtstart=day, dtend=day + datetime.timedelta(hours=1), summary=sys.argv[4])

found = {}
for calendar in principal.calendars():
    events = calendar.search(start=day, end=day + datetime.timedelta(days=1), event=True)
    found[calendar.get_display_name()] = [str(event.icalendar_component["SUMMARY"]) for event in events]
print(json.dumps({"principal": str(principal.url), "calendars": found}))
