"""A tour in cells: from an article to sentences, reasons, a corrected label and a retrained model.

Run it whole (`python examples/tour.py`) or cell by cell in an editor that knows ``# %%``.
"""

# %% An article, sentence by sentence
from pathlib import Path

import stance

ARTICLE = Path(__file__).parent / "border_reopens.md"
article = stance.classify_article(ARTICLE.read_text(encoding="utf-8"))
for sentence, prediction in zip(article.sentences, article.predictions, strict=True):
    print(f"{prediction.stance or '?':8} {', '.join(prediction.topics) or '-':22} {sentence.text[:80]}")
print({name: round(share, 2) for name, share in article.stance_shares["china_ties"].items()})

# %% The sentences the model is least sure of are the ones to read
unsure = sorted(
    zip(article.sentences, article.predictions, strict=True),
    key=lambda pair: max(pair[1].stance_probabilities["china_ties"].values()),
)
for sentence, prediction in unsure[:3]:
    print(max(prediction.stance_probabilities["china_ties"].values()).__round__(2), sentence.text)

# %% Why does it say so?
reason = stance.explain(unsure[0][0].text).stances["china_ties"]["favor"]
for contribution in reason.contributions[:5]:
    print(f"{contribution.weight:+.2f}  {contribution.text}  ({contribution.feature})")

# %% The same reasons as text, a line for each label given
print(stance.explain(unsure[0][0].text))

# %% A model of your own, from a handful of labels, on another subject altogether
LABELS = """
favor    The council backs the new tram line.
favor    Residents cheered the tram's first run through the old town.
favor    The tram is a gift to the suburbs, the mayor said.
favor    Doctors praised the tram for cleaner air around the hospital.
favor    Pupils welcomed the tram, which saves them half an hour.
favor    Traders backed a second tram line to the harbour.
favor    The tram has been a success beyond all hopes, its operator said.
favor    Cyclists and pensioners praised the quiet new tram.
favor    Parents welcomed the plan to extend the tram to the school.
favor    The union praised the tram as safe and cheap.
favor    Visitors cheered as the tram reached the castle.
favor    A majority of voters backed the tram on Sunday.
against  Shopkeepers fear the tram will ruin the street.
against  The tram is a waste of money, the opposition said.
against  Protesters blocked the tram works again.
against  Drivers complained that the tram slows all traffic.
against  Taxi firms sued the city over the tram.
against  Neighbours complained of the noise that the tram makes at night.
against  An auditor called the tram a costly mistake.
against  Critics fear that the tram will empty the buses.
against  The tram was delayed again, to the anger of commuters.
against  Protesters want the tram scrapped and the trees saved.
against  The opposition called the extension of the tram a waste.
against  Shopkeepers complained that the works for the tram cost them customers.
neutral  The tram leaves at noon.
neutral  Tram 4 stops at the library and at the museum.
neutral  Tickets for the tram can be bought in any shop.
neutral  The tram is green and white.
neutral  The tram line is nine kilometres long.
neutral  A tram driver was born in this house in 1901.
neutral  Bread prices rose at the market.
neutral  It rained on Tuesday.
neutral  The library opens at nine.
neutral  The museum shows coins from the harbour.
neutral  A bakery won a prize.
neutral  The tram depot lies behind the station.
"""
rows = [dict(zip(("stance", "text"), line.split(maxsplit=1), strict=True)) for line in LABELS.split("\n") if line]
model = stance.train(rows, schema="infer", folds=4, char_min_count=1, word_min_count=1, jobs=1)
print(model)

# %% Measured on sentences that it has not seen, beside its baselines; so few say little, as the intervals show
unseen = """
favor    Commuters cheered the new tram.
favor    The hospital welcomed the tram.
favor    Voters in the suburbs backed the plan.
against  Residents fear the noise.
against  The auditor called the plan a waste.
against  Drivers blocked the works.
neutral  The tram stops at the market.
neutral  The station opens at six.
neutral  It snowed.
"""
print(stance.evaluate(model, [dict(zip(("stance", "text"), line.split(maxsplit=1), strict=True))
                              for line in unseen.split("\n") if line]))  # fmt: skip
