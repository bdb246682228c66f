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

# %% A model of your own, from a handful of labels, on another subject altogether
rows = [
    {"text": text, "topics": topics, "stance": label}
    for text, topics, label in [
        ("The council backs the new tram line.", "transport", "favor"),
        ("Residents cheered the tram's first run.", "transport", "favor"),
        ("The tram is a gift to the suburbs, the mayor said.", "transport", "favor"),
        ("Shopkeepers fear the tram will ruin the street.", "transport; trade", "against"),
        ("The tram is a waste, the opposition said.", "transport", "against"),
        ("Protesters blocked the tram works again.", "transport", "against"),
        ("The tram leaves at noon.", "transport", "neutral"),
        ("Shops open at nine.", "trade", "neutral"),
        ("Bread prices rose at the market.", "trade", "neutral"),
        ("It rained.", "", "neutral"),
    ]
]
model = stance.train(rows, schema="infer", folds=2, char_min_count=1, word_min_count=1, jobs=1)
print(model)
print(model.classify("Commuters cheered the new line.").stance)

# %% Measured beside its baselines (on its own training rows here: do not do this at home)
result = stance.evaluate(model, rows)
print("model   ", result.model.mean_stance_macro_f1)
for baseline in result.baselines:
    print(f"{baseline.system:8}", baseline.mean_stance_macro_f1)
