import { useQuery } from "@apollo/client/react";
import { useState, type ReactNode } from "react";
import type { AnalyticsQuery } from "../gql/graphql";
import { Choice } from "../ui/choice";
import { Loaded } from "../ui/loaded";
import { Skeleton } from "../ui/states";
import { Bars } from "./bars";
import { Analytics } from "./documents";

type Period = "7" | "30" | "all";

const periods = [["7", "7 days"], ["30", "30 days"], ["all", "All time"]] as const;
const DAY = 86_400_000;

/** The beginning of the period: of a day, so that the same question has the same answer in the cache. */
function since(period: Period): { readonly since?: string } {
  if (period === "all") return {};
  const today = Math.floor(Date.now() / DAY) * DAY;
  return { since: new Date(today - Number(period) * DAY).toISOString() };
}

const money = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

function Figures({ analytics }: { readonly analytics: AnalyticsQuery["analytics"] }): ReactNode {
  const figures = [
    ["Users", analytics.totalUsers],
    ["Active users", analytics.activeUsers],
    ["Sessions now", analytics.activeSessions],
    ["Tasks created", analytics.tasksCreated],
    ["Tasks completed", analytics.tasksCompleted],
    ["Monthly price of all tiers", analytics.revenue],
  ] as const;
  return (
    <dl className="figures">
      {figures.map(([label, value]) => (
        <div key={label} className="card">
          <dt>{label}</dt>
          <dd>{money.format(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Charts({ analytics: { usersByTier, topChapters } }: { readonly analytics: AnalyticsQuery["analytics"] }): ReactNode {
  return (
    <div className="charts">
      <Bars title="Users by tier" unit="Users" rows={usersByTier.map(({ tier, users }) => [tier, users] as const)} />
      <Bars
        title="Chapters completed most"
        unit="Completions"
        rows={topChapters.map(({ chapter, completions }) => [chapter.title, completions] as const)}
      />
    </div>
  );
}

export function AnalyticsPart(): ReactNode {
  const [period, setPeriod] = useState<Period>("30");
  const result = useQuery(Analytics, { variables: since(period), fetchPolicy: "cache-and-network" });
  return (
    <>
      <div className="filters">
        <Choice legend="Period" isLegendHidden options={periods} value={period} onChange={setPeriod} />
      </div>
      <Loaded result={result} skeleton={<Skeleton rows={4} height={96} />}>
        {({ analytics }) => (
          <>
            <Figures analytics={analytics} />
            <Charts analytics={analytics} />
          </>
        )}
      </Loaded>
    </>
  );
}
