package workload

import "fmt"

// asWriters runs f for a worker in the place of each writer, one after the other.
func (e *Env) asWriters(f func(*Worker) error) error {
	for id := range e.Writers {
		w, err := e.NewWorker(id, 0)
		if err != nil {
			return err
		}
		err = f(w)
		w.Close()
		if err != nil {
			return fmt.Errorf("writer %d: %w", id, err)
		}
	}
	return nil
}

// finalTries is how often a read of the end is tried: each must succeed once.
const finalTries = 5

// everyKey reads each of n keys until it was read.
func (w *Worker) everyKey(n int, read func(key int) error) error {
	for key := range n {
		var err error
		for range finalTries {
			if err = read(key); err == nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("final read %d: %w", key, err)
		}
	}
	return nil
}
