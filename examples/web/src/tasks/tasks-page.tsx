import { useApolloClient, useQuery } from "@apollo/client/react";
import { useEffect, useEffectEvent, useState, type ReactNode } from "react";
import { useFragment as unmask } from "../gql";
import type { TaskRowFragment, TasksQuery } from "../gql/graphql";
import { useViewer } from "../api/viewer";
import { Page } from "../ui/page";
import { Notice, Skeleton } from "../ui/states";
import { Loaded } from "../ui/loaded";
import { ShowMore } from "../ui/show-more";
import { useDebounced } from "../ui/debounced";
import { CreateForm } from "./create-form";
import { Task, Tasks, TaskRow, TaskStats } from "./documents";
import { EditDialog, editedTaskId } from "./edit-dialog";
import { useTaskEvents } from "./live";
import { FilterBar, matches, noFilter, serverFilter, type Filter } from "./task-filter";
import { TaskItem } from "./task-item";

function Stats(): ReactNode {
  const { data, previousData } = useQuery(TaskStats);
  const stats = (data ?? previousData)?.taskStats;
  if (stats === undefined) return <>&nbsp;</>;
  const open = stats.total - stats.completed;
  return <>{`${open} open, ${stats.completed} done${stats.overdue > 0 ? `, ${stats.overdue} overdue` : ""}`}</>;
}

interface TaskListProps {
  readonly filter: Filter;
  readonly onEdit: (task: TaskRowFragment) => void;
}

function Rows({ list, filter, onEdit }: TaskListProps & { readonly list: TasksQuery["tasks"] }): ReactNode {
  const tasks = unmask(TaskRow, list.nodes).filter((task) => matches(task, filter));
  if (tasks.length > 0) {
    return (
      <ul className="list" aria-label="Tasks">
        {tasks.map((task) => (
          <TaskItem key={task.id} task={task} onEdit={() => onEdit(task)} />
        ))}
      </ul>
    );
  }
  if (list.pageInfo.hasNextPage) return null;
  if (serverFilter(filter) !== undefined) return <Notice title="No task matches" />;
  return <Notice title="No tasks yet">Write the first one above. It appears at once in every tab.</Notice>;
}

function TaskList(props: TaskListProps): ReactNode {
  const wanted = serverFilter(props.filter);
  const result = useQuery(Tasks, {
    variables: wanted === undefined ? {} : { filter: wanted },
    fetchPolicy: "cache-and-network",
    nextFetchPolicy: "cache-first",
  });
  return (
    <Loaded result={result} skeleton={<Skeleton rows={5} height={64} />}>
      {({ tasks }) => (
        <>
          <Rows list={tasks} {...props} />
          <ShowMore pageInfo={tasks.pageInfo} fetchMore={result.fetchMore} />
        </>
      )}
    </Loaded>
  );
}

/** The form that was open when the session of this user ended. */
function useEditedBefore(viewerId: string, onFound: (task: TaskRowFragment) => void): void {
  const client = useApolloClient();
  const found = useEffectEvent(onFound);
  useEffect(() => {
    const id = editedTaskId(viewerId);
    if (id === undefined) return;
    void client.query({ query: Task, variables: { id } }).then(
      ({ data }) => {
        const task = unmask(TaskRow, data?.task);
        if (task) found(task);
      },
      () => undefined,
    );
  }, [client, viewerId]);
}

export function TasksPage(): ReactNode {
  const viewerId = useViewer()?.id ?? "";
  const [filter, setFilter] = useState(noFilter);
  const [edited, setEdited] = useState<TaskRowFragment>();
  useTaskEvents();
  useEditedBefore(viewerId, setEdited);
  return (
    <Page title="Tasks" lead={<Stats />}>
      <CreateForm />
      <FilterBar filter={filter} onChange={setFilter} />
      <TaskList filter={useDebounced(filter)} onEdit={setEdited} />
      {edited === undefined ? null : <EditDialog key={edited.id} task={edited} viewerId={viewerId} onClose={() => setEdited(undefined)} />}
    </Page>
  );
}
